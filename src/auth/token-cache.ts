import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Caller } from '../context.ts';
import type { Claims } from './verify-token.ts';

/** At most this many callers are remembered: some 20 MB per worker when every token has large claims. */
const MAX_ENTRIES = 10_000;

/** A token is verified again after this long, whatever its `exp` says. */
const MAX_AGE_MS = 5 * 60_000;

interface Cached {
  readonly caller: Caller;
  readonly expiresAtMs: number;
}

/**
 * Remembers verified tokens, because verifying costs more than all the rest of a request. Refusals are not remembered:
 * strangers could fill the cache with them. Keys are hashes, so no token can be read out of the process's memory.
 * @param now milliseconds since 1970
 */
export function withTokenCache({
  verify,
  toCaller,
  now,
}: {
  verify: (token: string) => Claims;
  toCaller: (claims: Claims) => Caller;
  now: () => number;
}): (token: string) => Caller {
  const cache = new LRUCache<string, Cached>({ max: MAX_ENTRIES });
  return function callerOfToken(token) {
    const key = hash('sha256', token, 'base64');
    const cached = cache.get(key);
    if (cached !== undefined && cached.expiresAtMs > now()) return cached.caller;
    cache.delete(key);
    const claims = verify(token);
    const caller = toCaller(claims);
    cache.set(key, { caller, expiresAtMs: Math.min(claims.exp * 1000, now() + MAX_AGE_MS) });
    return caller;
  };
}
