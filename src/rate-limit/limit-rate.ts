import { hash } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { type RateLimitInfo, rateLimit } from 'express-rate-limit';
import { LRUCache } from 'lru-cache';
import { contextOf } from '../context.ts';
import { addOwnHeader } from '../own-headers.ts';
import type { Reason } from '../problem/catalog.ts';
import { Problem } from '../problem/problem.ts';
import { addressKey } from './address-key.ts';
import type { Counter } from './shared-counter.ts';

/** So many callers' policies are remembered per limit: to make one costs more than all else that is told of a limit. */
const MAX_POLICIES = 10_000;

/** One limit of the pair that every request meets one of. */
interface Limit {
  readonly counter: Counter;
  readonly limit: number;
}

interface LimitRateOptions {
  readonly anonymous: Limit;
  readonly user: Limit;
  readonly windowMs: number;
  /** Told of every request. */
  readonly onDecision: (limit: 'anonymous' | 'user', decision: 'passed' | 'refused') => void;
}

/**
 * Stage: counts every request once: by user if its token is valid, else by client address. So an office behind one
 * address is not locked out, and a stranger can't use up what belongs to its users.
 */
export function limitRate({ anonymous, user, windowMs, onDecision }: LimitRateOptions) {
  const limitAnonymous = limiter({
    ...anonymous,
    windowMs,
    name: 'anonymous',
    reason: 'rate_limited_ip',
    keyOf: (req) => addressKey(contextOf(req).client.address),
  });
  const limitUser = limiter({
    ...user,
    windowMs,
    name: 'user',
    reason: 'rate_limited_user',
    keyOf: (req) => contextOf(req).caller?.userId ?? '',
  });
  return function limitRate(req, res, next) {
    const isAnonymous = contextOf(req).caller === undefined;
    const limit = isAnonymous ? limitAnonymous : limitUser;
    void limit(req, res, (refusal?: unknown) => {
      onDecision(isAnonymous ? 'anonymous' : 'user', refusal === undefined ? 'passed' : 'refused');
      next(refusal);
    });
  } satisfies RequestHandler;
}

interface LimiterOptions extends Limit {
  readonly windowMs: number;
  readonly name: string;
  readonly reason: Reason;
  readonly keyOf: (req: Parameters<RequestHandler>[0]) => string;
}

function limiter({ counter, limit, windowMs, name, reason, keyOf }: LimiterOptions): RequestHandler {
  const policy = policyOf(`"${name}"; q=${limit}; w=${Math.ceil(windowMs / 1000)}`);
  const count = rateLimit({
    windowMs,
    limit,
    // Ours, below: theirs hash the key for each request.
    standardHeaders: false,
    legacyHeaders: false,
    keyGenerator: keyOf,
    // A whole `Store` can also take hits back. No limit of ours does, and rate-limit-redis's way (DECR) would leave a key
    // that never expires if its window has ended meanwhile.
    store: { ...counter, decrement: () => undefined, resetKey: () => undefined },
    handler: (req, _res, next) => {
      next(new Problem(reason, { retryAfterSeconds: secondsUntil(infoOf(req)?.resetTime, windowMs) }));
    },
    // They look for mistakes that our tests look for, once per request.
    validate: false,
  });
  return function limitOne(req, res, next) {
    void count(req, res, (refusal?: unknown) => {
      const info = infoOf(req);
      if (info !== undefined) tell(req, { name, policy: policy(info.key), windowMs, info });
      next(refusal);
    });
  };
}

/** What express-rate-limit has found out. */
function infoOf(req: object): RateLimitInfo | undefined {
  return (req as { rateLimit?: RateLimitInfo }).rateLimit;
}

interface Told {
  readonly name: string;
  readonly policy: string;
  readonly windowMs: number;
  readonly info: RateLimitInfo;
}

/** @see draft-ietf-httpapi-ratelimit-headers-08 */
function tell(req: Request, { name, policy, windowMs, info }: Told): void {
  addOwnHeader(req, 'RateLimit', `"${name}"; r=${info.remaining}; t=${secondsUntil(info.resetTime, windowMs)}`);
  addOwnHeader(req, 'RateLimit-Policy', policy);
}

/** Returns a function that adds the partition key, which tells two callers of one client apart without naming them. */
function policyOf(policy: string): (key: string) => string {
  const known = new LRUCache<string, string>({
    max: MAX_POLICIES,
    memoMethod: (key) => `${policy}; pk=:${Buffer.from(hash('sha256', key).slice(0, 12)).toString('base64')}:`,
  });
  return (key) => known.memo(key);
}

/** Whole seconds until a window ends, at least one. */
export function secondsUntil(resetAt: Date | undefined, windowMs: number): number {
  const waitMs = resetAt === undefined ? windowMs : resetAt.getTime() - Date.now();
  return Math.max(1, Math.ceil(waitMs / 1000));
}
