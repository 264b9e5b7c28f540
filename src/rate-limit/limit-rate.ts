import type { Request, RequestHandler, Response } from 'express';
import { type RateLimitInfo, rateLimit } from 'express-rate-limit';
import { contextOf } from '../context.ts';
import type { Reason } from '../problem/catalog.ts';
import { Problem } from '../problem/problem.ts';
import { addressKey } from './address-key.ts';
import type { Check, Decide } from './check.ts';
import { limitByPolicies, type OnDecision } from './limit-by-policies.ts';
import { limitFields, wholeSeconds } from './limit-fields.ts';
import type { Counter } from './shared-counter.ts';

/** One limit of the pair that every request meets one of. */
interface Limit {
  readonly counter: Counter;
  readonly limit: number;
}

interface LimitRateOptions {
  readonly anonymous: Limit;
  readonly user: Limit;
  readonly windowMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** What a request has to pass besides; undefined if nothing. */
  readonly checksOf: (req: Request) => Check[] | undefined;
  readonly decide: Decide;
  /** Told of every request. */
  readonly onDecision: OnDecision;
}

/**
 * Stage: counts every request once: by user if its token is valid, else by client address. So an office behind one
 * address is not locked out, and a stranger can't use up what belongs to its users. Where policies or a plan hold too, all
 * of it is decided at once.
 */
export function limitRate({ anonymous, user, windowMs, now, checksOf, decide, onDecision }: LimitRateOptions) {
  const limitAnonymous = limiter({
    ...anonymous,
    windowMs,
    now,
    name: 'anonymous',
    reason: 'rate_limited_ip',
    keyOf: (req) => addressKey(contextOf(req).client.address),
  });
  const limitUser = limiter({
    ...user,
    windowMs,
    now,
    name: 'user',
    reason: 'rate_limited_user',
    keyOf: (req) => contextOf(req).caller?.userId ?? '',
  });
  const limitByAll = limitByPolicies({ decide, onDecision });
  return function limitRate(req, res, next) {
    const checks = checksOf(req);
    if (checks !== undefined) return void limitByAll({ req, res, checks }, next).catch(next);
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
  readonly now: () => number;
  readonly name: string;
  readonly reason: Reason;
  readonly keyOf: (req: Parameters<RequestHandler>[0]) => string;
}

function limiter({ counter, limit, windowMs, now, name, reason, keyOf }: LimiterOptions): RequestHandler {
  const tellLimit = limitFields();
  const secondsLeft = ({ resetTime }: RateLimitInfo) => secondsUntil(resetTime, { windowMs, now: now() });
  const tell = (res: Response, info: RateLimitInfo) =>
    tellLimit(res, {
      name,
      limit,
      windowMs,
      key: info.key,
      remaining: info.remaining,
      resetSeconds: secondsLeft(info),
    });
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
      const info = infoOf(req);
      next(new Problem(reason, info === undefined ? {} : { retryAfterSeconds: secondsLeft(info) }));
    },
    // They look for mistakes that our tests look for, once per request.
    validate: false,
  });
  return function limitOne(req, res, next) {
    void count(req, res, (refusal?: unknown) => {
      const info = infoOf(req);
      if (info !== undefined) tell(res, info);
      next(refusal);
    });
  };
}

/** What express-rate-limit has found out. */
function infoOf(req: object): RateLimitInfo | undefined {
  return (req as { rateLimit?: RateLimitInfo }).rateLimit;
}

/** Whole seconds until a window ends, at least one, and never more than a window, whatever a clock does meanwhile. */
export function secondsUntil(resetAt: Date | undefined, { windowMs, now }: { windowMs: number; now: number }): number {
  const waitMs = resetAt === undefined ? windowMs : resetAt.getTime() - now;
  return wholeSeconds(Math.min(waitMs, windowMs));
}
