import type { Reason } from '../problem/catalog.ts';
import { Problem, type ProblemOptions } from '../problem/problem.ts';

type AuthReason = Extract<Reason, `auth_${string}` | `token_${string}`>;

/** A 401 with the challenge that it must carry. @see RFC 6750 §3 */
export function unauthorized(reason: AuthReason, options: ProblemOptions = {}): Problem {
  const error = reason.startsWith('auth_') ? 'invalid_request' : 'invalid_token';
  return new Problem(reason, { ...options, headers: { 'WWW-Authenticate': `Bearer error="${error}"` } });
}
