/** The percentiles that are reported, of latencies in milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
}

/** The middle one; of an even number the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The least of the values that this share of them does not exceed. */
export function quantile(sorted: readonly number[] | Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Sorts the latencies in place. */
export function percentilesOf(latenciesMs: Float64Array): Percentiles {
  latenciesMs.sort();
  const at = (share: number) => quantile(latenciesMs, share);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999) };
}

/** Each figure's median over samples of one shape. */
export function medians<Key extends string>(samples: readonly Readonly<Record<Key, number>>[]): Record<Key, number> {
  const keys = Object.keys(samples[0] ?? {}) as Key[];
  return Object.fromEntries(keys.map((key) => [key, rounded(median(samples.map((sample) => sample[key])))])) as Record<
    Key,
    number
  >;
}

/** To four significant digits, which is more than any run is exact to. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
