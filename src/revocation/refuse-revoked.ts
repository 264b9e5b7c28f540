import type { RequestHandler } from 'express';
import type { GatewayFile } from '../config/schema.ts';
import { type Caller, contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';

interface RefuseRevokedOptions {
  readonly isRevoked: (caller: Caller) => boolean;
  /** Whether this worker has ever been told what is revoked. */
  readonly isKnown: () => boolean;
  readonly onUnknown: GatewayFile['revocation']['onUnknown'];
}

/** Redis is looked for twice a second. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Stage: takes a caller with a revoked token for nobody. As in `authenticate`, the refusal is the route's business, and
 * the request is counted by address.
 */
export function refuseRevoked({ isRevoked, isKnown, onUnknown }: RefuseRevokedOptions) {
  const problemOf = (caller: Caller) => {
    if (onUnknown === 'deny' && caller.credential.kind === 'token' && !isKnown()) return unknown();
    return isRevoked(caller) ? revoked() : undefined;
  };
  return function refuseRevoked(req, _res, next) {
    const context = contextOf(req);
    const problem = context.caller === undefined ? undefined : problemOf(context.caller);
    if (problem !== undefined) {
      context.caller = undefined;
      context.authProblem = problem;
    }
    next();
  } satisfies RequestHandler;
}

function revoked(): Problem {
  return new Problem('token_revoked', { headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } });
}

function unknown(): Problem {
  return new Problem('jwks_unavailable', {
    detail: 'Whether this token has been revoked is not known yet.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
