/** How the event loop has been since the last look. */
export interface Look {
  /** By how much the look itself came late, in milliseconds. */
  readonly lagMs: number;
  /** Share of the time in which the loop had something to do, from 0 to 1. */
  readonly utilisation: number;
  /** Requests that the worker is working on. */
  readonly underWay: number;
}

/** How many requests at a time a worker takes. */
export interface LagLimit {
  current(): number;
  /** Whether the event loop comes late, or would without a lower limit. */
  isLate(): boolean;
  look(look: Look): void;
}

interface LagLimitOptions {
  readonly maxRequests: number;
  readonly maxLagMs: number;
}

/** A single late look is a garbage collection, or another process that had the processor. */
const LATE_LOOKS = 3;
/** So few never make a worker late, unless each is a problem of its own. */
const LEAST = 64;
/** Busy for more of its time, a worker has none to spare. */
const BUSY = 0.95;

/**
 * Finds out how few requests at a time keep a worker busy. What it takes beyond that is served no faster, and keeps all the
 * others waiting. It begins when the event loop stays late, and ends when there is time to spare.
 */
export function lagLimit({ maxRequests, maxLagMs }: LagLimitOptions): LagLimit {
  const least = Math.min(LEAST, maxRequests);
  let limit = maxRequests;
  let lateLooks = 0;
  const lower = (to: number) => {
    limit = Math.max(least, Math.floor(to));
  };
  return {
    current: () => limit,
    isLate: () => lateLooks > 0 || limit < maxRequests,
    look({ lagMs, utilisation, underWay }) {
      lateLooks = lagMs > maxLagMs ? lateLooks + 1 : 0;
      if (lateLooks >= LATE_LOOKS) return lower(Math.min(limit, underWay) * 0.7);
      if (limit === maxRequests) return;
      if (utilisation > BUSY) return lower(limit * 0.9);
      limit = underWay < limit / 2 ? maxRequests : Math.min(maxRequests, Math.ceil(limit * 1.1));
    },
  };
}
