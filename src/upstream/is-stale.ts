import { Problem } from '../problem/problem.ts';

const key = Symbol('when the connection was made');

interface WithConnection {
  [key]?: number;
}

/** Notes on the error of a connection when that was made. */
export function markConnection(error: Error, connectedAt: number): void {
  (error as WithConnection)[key] = connectedAt;
}

/**
 * Whether a call failed on a connection that was there before it: the service was closing it while we took it up again,
 * and has most likely not seen the request.
 * @param startedAt when the call began, by the clock of the connections
 */
export function isStale(error: unknown, startedAt: number): boolean {
  if (!(error instanceof Problem) || error.reason !== 'upstream_reset') return false;
  const connectedAt = (error.cause as WithConnection | undefined)?.[key];
  return connectedAt !== undefined && connectedAt < startedAt;
}
