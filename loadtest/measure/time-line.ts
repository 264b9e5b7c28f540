import { quantile } from './figures.ts';
import type { MeasuredRequest } from './measured-request.ts';

/** What was answered in one step of the time line. */
export interface Step {
  /** Milliseconds since the first request. */
  readonly atMs: number;
  /** Answers per second, by status; `none` for requests without one. */
  readonly ratesByStatus: Readonly<Record<string, number>>;
  /** Milliseconds, of right answers; NaN without any. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** The course of a run. */
export interface TimeLine {
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly stepMs: number;
  readonly steps: readonly Step[];
}

/** Lengths of a step that people can read, of which the first is taken that needs no more than MOST_STEPS. */
const STEP_LENGTHS_MS = [25, 50, 100, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
const MOST_STEPS = 180;

/** Cuts a run into steps of one length, by when the answers came. */
export function timeLineOf(requests: readonly MeasuredRequest[]): TimeLine {
  const startMs = requests.reduce((first, request) => Math.min(first, request.startMs), Number.POSITIVE_INFINITY);
  if (requests.length === 0) return { startMs: 0, stepMs: 1000, steps: [] };
  const endMs = requests.reduce((last, request) => Math.max(last, endOf(request)), startMs);
  const fits = (length: number) => (endMs - startMs) / length <= MOST_STEPS;
  const stepMs = STEP_LENGTHS_MS.find(fits) ?? 60_000;
  const groups = Map.groupBy(requests, (request) => Math.floor((endOf(request) - startMs) / stepMs));
  const count = Math.floor((endMs - startMs) / stepMs) + 1;
  const steps = Array.from({ length: count }, (_, index) => stepOf(groups.get(index) ?? [], index * stepMs, stepMs));
  return { startMs, stepMs, steps };
}

function stepOf(requests: readonly MeasuredRequest[], atMs: number, stepMs: number): Step {
  const latencies = requests.filter(({ verdict }) => verdict === 'right').map(({ durationMs }) => durationMs);
  const sorted = latencies.toSorted((a, b) => a - b);
  const byStatus = Map.groupBy(requests, ({ status }) => (status === 0 ? 'none' : String(status)));
  const rates = [...byStatus].map(([status, group]): [string, number] => [status, (group.length / stepMs) * 1000]);
  return {
    atMs,
    ratesByStatus: Object.fromEntries(rates),
    p50Ms: quantile(sorted, 0.5),
    p95Ms: quantile(sorted, 0.95),
    p99Ms: quantile(sorted, 0.99),
  };
}

function endOf({ startMs, durationMs }: MeasuredRequest): number {
  return startMs + durationMs;
}
