import type { ClientRateLimitInfo } from 'express-rate-limit';
import { LRUCache } from 'lru-cache';

/** So many callers are counted at most while Redis is away; the least recently seen is forgotten first. */
const MAX_KEYS = 50_000;

/** Fixed-window counters of this worker alone. */
export interface LocalCounter {
  get(key: string): ClientRateLimitInfo | undefined;
  increment(key: string): ClientRateLimitInfo;
}

/**
 * Counts in this process, for the time without Redis.
 * Each worker sees its share of the traffic, so each hit counts as one per worker: together they allow what the limit says.
 * Except the first, which counts once: a limit smaller than the number of workers must not refuse everybody.
 * @param share how many workers divide the limit among them
 * @param now milliseconds since 1970
 */
export function localCounter({
  windowMs,
  share,
  now,
}: {
  windowMs: number;
  share: number;
  now: () => number;
}): LocalCounter {
  const counters = new LRUCache<string, { hits: number; resetAtMs: number }>({ max: MAX_KEYS });
  const current = (key: string) => {
    const counter = counters.get(key);
    return counter !== undefined && counter.resetAtMs > now() ? counter : undefined;
  };
  const info = ({ hits, resetAtMs }: { hits: number; resetAtMs: number }) => ({
    totalHits: hits === 1 ? 1 : hits * share,
    resetTime: new Date(resetAtMs),
  });
  return {
    get(key) {
      const counter = current(key);
      return counter && info(counter);
    },
    increment(key) {
      const counter = current(key) ?? { hits: 0, resetAtMs: now() + windowMs };
      counter.hits++;
      counters.set(key, counter);
      return info(counter);
    },
  };
}
