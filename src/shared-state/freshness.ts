/** Each change of what a worker knows, once. */
export interface StateLogger {
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
}

/** `unknown` until Redis has answered for the first time; `stale` while the last answer is too long ago. */
export type Freshness = 'unknown' | 'fresh' | 'stale';

/** Several questions without an answer. */
const STALE_AFTER_MS = 2000;

const WHAT = 'revocations, API keys and tenants';

interface FreshnessOptions {
  readonly logger: StateLogger;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** How much is known, for the log. */
  readonly records: () => Readonly<Record<string, number>>;
}

/** Keeps an eye on how old the copies are, and tells of it. */
export function freshness({ logger, clock, records }: FreshnessOptions) {
  let state: Freshness = 'unknown';
  let answeredAt = clock();
  let isWarned = false;
  let failure: unknown = 'redis is away';
  return {
    state: () => state,
    /** Since the last answer; before the first, since the start. */
    ageSeconds: () => (clock() - answeredAt) / 1000,
    answered(): void {
      answeredAt = clock();
      if (state !== 'fresh') logger.info(`${WHAT} are known`, { records: records() });
      state = 'fresh';
      isWarned = false;
    },
    /** If it is Redis that is away, the link has said so. Whatever it is, it is told once it has lasted. */
    failed(error: unknown): void {
      failure = error;
    },
    judge(): void {
      if (isWarned || clock() - answeredAt <= STALE_AFTER_MS) return;
      isWarned = true;
      const reason = String(failure);
      if (state === 'unknown') return logger.warn(`${WHAT} are not known: redis has not told them yet`, { reason });
      state = 'stale';
      logger.warn(`${WHAT} are stale: the last known ones count`, { reason });
    },
  };
}
