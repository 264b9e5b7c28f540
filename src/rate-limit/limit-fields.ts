import { hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';

/** So many callers' policies are remembered: to make one costs more than all else that is told of a limit. */
const MAX_POLICIES = 10_000;

/** What a client is told of a limit. */
interface Told {
  readonly name: string;
  /** Requests in a window. */
  readonly limit: number;
  readonly windowMs: number;
  /** Who is counted, and by which limit; clients see a hash of it. */
  readonly key: string;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/**
 * Returns a function that writes `RateLimit` and `RateLimit-Policy`.
 * @see draft-ietf-httpapi-ratelimit-headers-08
 */
export function limitFields() {
  const policies = new LRUCache<string, string, Told>({
    max: MAX_POLICIES,
    // The partition key tells two callers of one client apart without naming them.
    memoMethod: (_key, _stale, { context: { name, limit, windowMs, key } }) =>
      `"${name}"; q=${limit}; w=${Math.ceil(windowMs / 1000)}; pk=:${partitionOf(key)}:`,
  });
  return function tellLimit(res: ServerResponse, told: Told): void {
    res.setHeader('RateLimit', `"${told.name}"; r=${told.remaining}; t=${told.resetSeconds}`);
    res.setHeader('RateLimit-Policy', policies.memo(`${told.limit} ${told.key}`, { context: told }));
  };
}

function partitionOf(key: string): string {
  return Buffer.from(hash('sha256', key).slice(0, 12)).toString('base64');
}

/** Whole seconds, at least one: to come back sooner never helps. */
export function wholeSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
