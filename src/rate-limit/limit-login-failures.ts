import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import type { Decide } from './check.ts';
import { holdAnswer } from './hold-answer.ts';
import type { LoginRules } from './limit-rules.ts';
import { addressFailure, returnedPlaces } from './login-checks.ts';

interface LimitLoginFailuresOptions {
  readonly rules: LoginRules;
  readonly decide: Decide;
  /** Told of every attempt that may pass. */
  readonly onDecision: (limit: 'login_failures', decision: 'passed') => void;
}

/**
 * Stage: counts a login that has failed, and gives the places back that one had taken which did not fail. An address counts
 * each account that it has failed at once, and every failure whose account is not known: who guesses one password after
 * the other is stopped by the account, before that shuts out everybody else behind the address. No success clears anything.
 */
export function limitLoginFailures({ rules, decide, onDecision }: LimitLoginFailuresOptions) {
  return function limitLoginFailures(req, res, next) {
    const context = contextOf(req);
    const { login } = context;
    if (login === undefined) return next();
    onDecision('login_failures', 'passed');
    const attempt = { address: context.client.address, account: login.account };
    const left = context.limits?.find(({ limit, of }) => limit === 'login_failures' && of === 'account')?.remaining;
    const isCountedThere = left !== undefined && left < rules.pair.limit - 1;
    const settle = () => {
      const isFailure = context.upstream?.status === 401;
      if (isFailure) return isCountedThere ? undefined : decide([addressFailure(rules, attempt)]);
      return attempt.account === undefined ? undefined : decide(returnedPlaces(rules, attempt));
    };
    // Before the client knows, or it could try again, through another worker, before the count is up to date.
    holdAnswer(res, settle);
    next();
  } satisfies RequestHandler;
}
