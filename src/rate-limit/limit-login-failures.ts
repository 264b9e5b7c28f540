import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { addressKey } from './address-key.ts';
import { holdAnswer } from './hold-answer.ts';
import { secondsUntil } from './limit-rate.ts';
import type { Counter } from './shared-counter.ts';

interface LimitLoginFailuresOptions {
  readonly counter: Counter;
  readonly limit: number;
  readonly windowMs: number;
  /** Told of every attempt to log in. */
  readonly onDecision: (limit: 'login_failures', decision: 'passed' | 'refused') => void;
}

/**
 * Stage: refuses an address that has failed to log in too often. A failure is counted when the service has said so, never
 * before: counting attempts would lock out an office whose people log in at the same time.
 */
export function limitLoginFailures({ counter, limit, windowMs, onDecision }: LimitLoginFailuresOptions) {
  const limitLogin: RequestHandler = async (req, res, next) => {
    const context = contextOf(req);
    const key = addressKey(context.client.address);
    const failures = await counter.get(key);
    const isRefused = failures !== undefined && failures.totalHits >= limit;
    onDecision('login_failures', isRefused ? 'refused' : 'passed');
    if (isRefused) {
      throw new Problem('rate_limited_auth_failures', {
        retryAfterSeconds: secondsUntil(failures.resetTime, windowMs),
      });
    }
    // Counted before the client knows, or it could try again, through another worker, before the count is up to date.
    holdAnswer(res, () => (context.upstream?.status === 401 ? counter.increment(key) : undefined));
    next();
  };
  return function limitLoginFailures(req, res, next) {
    const isLogin = contextOf(req).route?.settings.countLoginFailures === true;
    return isLogin ? limitLogin(req, res, next) : next();
  } satisfies RequestHandler;
}
