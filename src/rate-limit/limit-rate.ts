import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { contextOf } from '../context.ts';
import type { Reason } from '../problem/catalog.ts';
import { Problem } from '../problem/problem.ts';
import { addressKey } from './address-key.ts';
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

function limiter({ counter, limit, windowMs, name, reason, keyOf }: LimiterOptions) {
  return rateLimit({
    windowMs,
    limit,
    identifier: name,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: keyOf,
    // A whole `Store` can also take hits back. No limit of ours does, and rate-limit-redis's way (DECR) would leave a key
    // that never expires if its window has ended meanwhile.
    store: { ...counter, decrement: () => undefined, resetKey: () => undefined },
    handler: (req, _res, next) => {
      const resetAt = (req as { rateLimit?: { resetTime?: Date } }).rateLimit?.resetTime;
      next(new Problem(reason, { retryAfterSeconds: secondsUntil(resetAt, windowMs) }));
    },
    // They look for mistakes that our tests look for, once per request.
    validate: false,
  });
}

/** Whole seconds until a window ends, at least one. */
export function secondsUntil(resetAt: Date | undefined, windowMs: number): number {
  const waitMs = resetAt === undefined ? windowMs : resetAt.getTime() - Date.now();
  return Math.max(1, Math.ceil(waitMs / 1000));
}
