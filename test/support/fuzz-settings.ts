interface FuzzSettings {
  readonly numRuns: number;
  readonly seed?: number;
}

/**
 * How often a generated test runs: a little in the suite, more with `FUZZ_RUNS`. What fails is printed with its seed, and
 * `FUZZ_SEED` runs it again.
 */
export function fuzzSettings(numRuns: number): FuzzSettings {
  const { FUZZ_RUNS, FUZZ_SEED } = process.env;
  return {
    numRuns: FUZZ_RUNS === undefined ? numRuns : Number(FUZZ_RUNS),
    ...(FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }),
  };
}

/** Milliseconds that so many runs may take at most: for the time limit of a test. */
export function fuzzTimeoutMs(numRuns: number): number {
  return 30_000 + fuzzSettings(numRuns).numRuns * 2000;
}
