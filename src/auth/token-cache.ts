import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Caller } from '../context.ts';
import type { Claims } from './check-claims.ts';

/** At most this many callers are remembered: some 20 MB per worker when every token has large claims. */
const MAX_ENTRIES = 10_000;

/** A token is verified again after this long, whatever its `exp` says. */
const MAX_AGE_MS = 5 * 60_000;

interface Cached {
  readonly caller: Caller;
  readonly expiresAtMs: number;
}

/** Callers by their tokens. */
export interface TokenCache {
  /** At once if the token is known. */
  callerOf(token: string): Caller | Promise<Caller>;
  /** Has every token verified again, because a key is trusted no longer. */
  forget(): void;
  /** Since the worker started. */
  counts(): { readonly hit: number; readonly miss: number };
}

interface TokenCacheOptions {
  /** Throws a Problem, or rejects with one, for a token that is not valid. */
  readonly verify: (token: string) => Claims | Promise<Claims>;
  readonly toCaller: (claims: Claims) => Caller;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Remembers verified tokens, because verifying costs more than all the rest of a request. Refusals are not remembered:
 * strangers could fill the cache with them. Keys are hashes, so no token can be read out of the process's memory.
 */
export function tokenCache({ verify, toCaller, now }: TokenCacheOptions): TokenCache {
  const cache = new LRUCache<string, Cached>({ max: MAX_ENTRIES });
  const counts = { hit: 0, miss: 0 };
  let generation = 0;
  const remember = ({ key, claims, begun }: { key: string; claims: Claims; begun: number }) => {
    const caller = toCaller(claims);
    // A key that was withdrawn in the meantime may be the one that has verified this token.
    if (begun === generation) {
      cache.set(key, { caller, expiresAtMs: Math.min(claims.exp * 1000, now() + MAX_AGE_MS) });
    }
    return caller;
  };
  return {
    callerOf(token) {
      const key = hash('sha256', token, 'base64');
      const cached = cache.get(key);
      if (cached !== undefined && cached.expiresAtMs > now()) {
        counts.hit++;
        return cached.caller;
      }
      cache.delete(key);
      counts.miss++;
      const begun = generation;
      const claims = verify(token);
      if (!(claims instanceof Promise)) return remember({ key, claims, begun });
      return claims.then((verified) => remember({ key, claims: verified, begun }));
    },
    forget() {
      generation++;
      cache.clear();
    },
    counts: () => ({ ...counts }),
  };
}
