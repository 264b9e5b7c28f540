import type { MeasuredRequest } from './measured-request.ts';

/** What a set of requests amounts to. Latencies are of the right answers only: a fast refusal is no result. */
export interface Figures {
  readonly requests: number;
  readonly errors: number;
  /** Failures of a service that was made to fail; no errors of the gateway. */
  readonly expectedFailures: number;
  /** Of all requests but the expected failures. NaN without any. */
  readonly errorPercent: number;
  /** Milliseconds, NaN without a right answer, like the quantiles. */
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** Right answers per second. */
  readonly throughput: number;
  /** Right answers per second in the busiest ten seconds; the same as the throughput of a shorter run. */
  readonly peak: number;
}

const PEAK_SECONDS = 10;

/** Sums up. */
export function figuresOf(requests: readonly MeasuredRequest[]): Figures {
  const right = requests.filter(({ verdict }) => verdict === 'right');
  const errors = requests.filter(({ verdict }) => verdict === 'error').length;
  const latencies = right.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b);
  const seconds = secondsOf(requests);
  const throughput = right.length / seconds;
  return {
    requests: requests.length,
    errors,
    expectedFailures: requests.length - right.length - errors,
    errorPercent: (errors / (errors + right.length)) * 100,
    meanMs: latencies.reduce((sum, latency) => sum + latency, 0) / latencies.length,
    p50Ms: quantile(latencies, 0.5),
    p95Ms: quantile(latencies, 0.95),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    seconds,
    throughput,
    peak: seconds <= PEAK_SECONDS ? throughput : busiest(right) / PEAK_SECONDS,
  };
}

/** The nearest rank of a sorted list; NaN if it is empty. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function secondsOf(requests: readonly MeasuredRequest[]): number {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { startMs, durationMs } of requests) {
    first = Math.min(first, startMs);
    last = Math.max(last, startMs + durationMs);
  }
  return requests.length === 0 ? Number.NaN : (last - first) / 1000;
}

/** The most requests that were answered within any ten seconds. */
function busiest(requests: readonly MeasuredRequest[]): number {
  const ends = requests.map(({ startMs, durationMs }) => startMs + durationMs).toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, end] of ends.entries()) {
    while (end - (ends[first] ?? end) > PEAK_SECONDS * 1000) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
