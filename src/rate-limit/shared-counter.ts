import type { ClientRateLimitInfo } from 'express-rate-limit';
import { RedisStore } from 'rate-limit-redis';
import { localCounter } from './local-counter.ts';
import { withRefusalMemory } from './with-refusal-memory.ts';

/** What the counter needs of the connection to Redis. */
export interface CounterLink {
  isAway(): boolean;
  command(...args: [string, ...string[]]): Promise<unknown>;
  beforeReturn(work: () => Promise<unknown>): void;
  /** In a cluster, the slot of a key: one script may only touch keys of one. */
  slotOf?(key: string): number;
}

export interface CounterOptions {
  readonly link: CounterLink;
  /** Beginning of the keys in Redis; each limit has its own. */
  readonly prefix: string;
  /** Hits in a window. Redis is asked less often about whoever is over it. */
  readonly limit: number;
  readonly windowMs: number;
  /** How many workers divide the limit among them while Redis is away. */
  readonly workers: number;
  /** Milliseconds: `clock` is monotonic, `now` is since 1970. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
}

/** Hits by key in windows that begin with the first hit. */
export interface Counter {
  increment(key: string): Promise<ClientRateLimitInfo>;
}

/**
 * Counts in Redis, for all workers of all machines, and in this process while Redis is away. No call throws or waits
 * longer than one command may take: a request never fails because it could not be counted.
 */
export function sharedCounter({ link, prefix, limit, windowMs, workers, time }: CounterOptions): Counter {
  const local = localCounter({ windowMs, share: workers, now: time.now });
  const store = new RedisStore({
    prefix,
    sendCommand: (...args) => link.command(...(args as [string])) as Promise<string>,
  });
  store.windowMs = windowMs;
  const ask = async (key: string) => {
    const info = await store.increment(key);
    if (info.resetTime !== undefined) local.learn(key, { ...info, resetAtMs: info.resetTime.getTime() });
    return info;
  };
  const increment = withRefusalMemory(ask, { limit, clock: time.clock });
  // rate-limit-redis keeps the promise of a failed SCRIPT LOAD for ever, so the script is loaded each time Redis comes back.
  link.beforeReturn(async () => {
    store.incrementScriptSha = store.loadIncrementScript();
    await store.incrementScriptSha;
  });
  return {
    async increment(key) {
      if (link.isAway()) return local.increment(key);
      try {
        return await increment(key);
      } catch {
        // The link has noticed and logged it: Redis is away, or refuses this.
        return local.increment(key);
      }
    },
  };
}
