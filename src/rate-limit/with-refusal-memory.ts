import type { ClientRateLimitInfo } from 'express-rate-limit';
import { LRUCache } from 'lru-cache';

/** So many refused callers are remembered at most per limit; Redis is asked again about who is forgotten. */
const MAX_KEYS = 10_000;

/** After this long Redis is asked again: a limit that an operator has reset is noticed by then. */
const MAX_AGE_MS = 1000;

interface Refusal {
  readonly info: ClientRateLimitInfo;
  readonly endsAt: number;
}

type Increment = (key: string) => Promise<ClientRateLimitInfo>;

/**
 * Remembers who is over the limit: of a flood of requests that are refused anyway, Redis sees one per second and worker.
 * No refusal outlasts its window on Redis's clock.
 * @param clock milliseconds, monotonic: a step of the system's clock must not make a refusal last
 */
export function withRefusalMemory(
  increment: Increment,
  { limit, clock }: { limit: number; clock: () => number },
): Increment {
  const refusals = new LRUCache<string, Refusal>({ max: MAX_KEYS });
  const ask = async (key: string) => {
    const askedAt = clock();
    const info = await increment(key);
    if (info.totalHits <= limit || info.resetTime === undefined) return info;
    // What was left of the window when Redis looked, counted from before it looked: so it can't end too late.
    const leftMs = info.resetTime.getTime() - Date.now();
    refusals.set(key, { info, endsAt: askedAt + Math.min(leftMs, MAX_AGE_MS) });
    return info;
  };
  return function incrementUnlessRefused(key) {
    const refusal = refusals.get(key);
    return refusal !== undefined && clock() < refusal.endsAt ? Promise.resolve(refusal.info) : ask(key);
  };
}
