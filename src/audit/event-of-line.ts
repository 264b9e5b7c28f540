import type { Reason } from '../problem/catalog.ts';
import type { SecurityEvent } from './security-event.ts';

/** What is looked at of a request's line in the access log. */
export interface RequestLine {
  readonly time: string;
  readonly requestId: string;
  readonly client: string | undefined;
  readonly status: number;
  readonly reason: Reason | undefined;
  readonly method?: string | undefined;
  readonly route?: string | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly upstreamStatus?: number | undefined;
}

/** Statuses of refusals that have to do with who is calling, or how often. */
const REFUSALS: readonly number[] = [401, 403, 429];

/**
 * The security event that a request was; undefined for most.
 * @param isLogin whether a 401 of this route's service is a failed login
 */
export function eventOfLine(
  line: RequestLine,
  isLogin: (method: string | undefined, route: string | undefined) => boolean,
): SecurityEvent | undefined {
  const { time, requestId, client, status, reason, method, route, user, tenant } = line;
  const common = { time, status, route, user, tenant, client, requestId, count: 1 };
  if (reason !== undefined) return REFUSALS.includes(status) ? { ...common, event: 'refused', reason } : undefined;
  if (line.upstreamStatus !== 401 || !isLogin(method, route)) return undefined;
  return { ...common, event: 'login_failed' };
}
