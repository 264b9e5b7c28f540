import type { ClientRateLimitInfo } from 'express-rate-limit';
import { LRUCache } from 'lru-cache';

/** So many callers are known at most; the least recently seen is forgotten first. */
const MAX_KEYS = 50_000;

/** What is counted at once, and for how long, if not one hit in the window of all others. */
interface Hit {
  readonly weight?: number;
  readonly windowMs?: number;
}

/** Fixed-window counters of this worker alone. */
export interface LocalCounter {
  get(key: string): ClientRateLimitInfo | undefined;
  increment(key: string, hit?: Hit): ClientRateLimitInfo;
  /** Takes over what Redis has counted, to go on from there when it is away. */
  learn(key: string, known: { totalHits: number; resetAtMs: number }): void;
}

interface Count {
  /** What Redis had counted when it was last asked. */
  shared: number;
  /** Since then, here. */
  hits: number;
  isFirst: boolean;
  resetAtMs: number;
}

/**
 * Counts in this process, for the time without Redis.
 * Each worker sees its share of the traffic, so each hit counts as one per worker: together they allow what the limit says.
 * Except the first, which counts once: a limit smaller than the number of workers must not refuse everybody.
 * @param share how many workers divide the limit among them
 * @param now milliseconds since 1970
 */
export function localCounter(options: { windowMs: number; share: number; now: () => number }): LocalCounter {
  const { share, now } = options;
  const counts = new LRUCache<string, Count>({ max: MAX_KEYS });
  const current = (key: string) => {
    const count = counts.get(key);
    return count !== undefined && count.resetAtMs > now() ? count : undefined;
  };
  const info = ({ shared, hits, isFirst, resetAtMs }: Count) => ({
    totalHits: isFirst ? hits : shared + hits * share,
    resetTime: new Date(resetAtMs),
  });
  const after = (key: string, { weight = 1, windowMs = options.windowMs }: Hit): Count => {
    const count = current(key);
    if (count === undefined)
      return { shared: 0, hits: Math.max(weight, 0), isFirst: true, resetAtMs: now() + windowMs };
    return { ...count, hits: count.hits + weight, isFirst: false };
  };
  return {
    get(key) {
      const count = current(key);
      return count && info(count);
    },
    increment(key, hit = {}) {
      const count = after(key, hit);
      counts.set(key, count);
      return info(count);
    },
    learn(key, { totalHits, resetAtMs }) {
      const known = counts.get(key);
      // In place: it is done for every request, and seldom needed.
      if (known !== undefined) Object.assign(known, { shared: totalHits, hits: 0, isFirst: false, resetAtMs });
      else counts.set(key, { shared: totalHits, hits: 0, isFirst: false, resetAtMs });
    },
  };
}
