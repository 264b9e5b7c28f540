import { operationOf } from './operations.ts';
import type { RequestLine } from './request-line.ts';

/** A time in which a service was made to fail. Milliseconds since 1970. */
export interface Outage {
  readonly upstream: string;
  readonly fromMs: number;
  /** When the breakers of all workers were seen closed again. */
  readonly untilMs: number;
}

/** A request, and whether its answer was the right one. */
export interface MeasuredRequest {
  readonly startMs: number;
  readonly durationMs: number;
  /** What kind of request it was. */
  readonly operation: string;
  readonly status: number;
  readonly reason: string;
  /** `expected`: a 5xx of the service that was made to fail, or of its breaker, while it was. */
  readonly verdict: 'right' | 'expected' | 'error';
}

/** Reads a line of the generator, and judges the answer. */
export function measuredRequest(line: RequestLine, outage: Outage | undefined): MeasuredRequest {
  const [startMs, durationMs, method, path, status, reason] = line;
  const { name, expected, upstream } = operationOf(method, path);
  const isOfOutage =
    outage !== undefined &&
    status >= 500 &&
    upstream === outage.upstream &&
    startMs + durationMs >= outage.fromMs &&
    startMs <= outage.untilMs;
  const failure = isOfOutage ? 'expected' : 'error';
  return { startMs, durationMs, operation: name, status, reason, verdict: status === expected ? 'right' : failure };
}
