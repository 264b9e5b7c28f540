import type { NextFunction, Request, Response } from 'express';
import { contextOf, type LimitCount } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import type { Check, Decide, Decision, Rule, Standing } from './check.ts';
import { limitFields, wholeSeconds } from './limit-fields.ts';

/** What metrics are told of a limit and a request. */
export type OnDecision = (limit: string, decision: 'passed' | 'refused' | 'would_refuse') => void;

/** Returns a function that lets a request pass all of its checks at once, or refuses it by one of them. */
export function limitByPolicies({ decide, onDecision }: { decide: Decide; onDecision: OnDecision }) {
  const tellLimit = limitFields();
  const report = ({ standings, refusal }: Decision) => {
    if (refusal !== undefined) return onDecision(refusal.check.rule.name, 'refused');
    for (const { check, isExceeded } of standings.filter(isTold)) {
      onDecision(check.rule.name, isExceeded ? 'would_refuse' : 'passed');
    }
  };
  return async function limitByPolicies(
    { req, res, checks }: { req: Request; res: Response; checks: readonly Check[] },
    next: NextFunction,
  ): Promise<void> {
    if (checks.length === 0) return next();
    const decision = await decide(checks);
    report(decision);
    contextOf(req).limits = decision.standings.map(countOf);
    const told = [decision.refusal, nearest(decision.standings)].find((standing) => standing && isTold(standing));
    if (told !== undefined) tellLimit(res, toldOf(told));
    tellQuota(res, decision.standings);
    next(decision.refusal && problemOf(decision.refusal));
  };
}

const isTold = ({ check }: Standing) => check.rule.algorithm !== 'usage' && check.rule.isSilent !== true;

function countOf({ check: { rule }, remaining, isExceeded }: Standing): LimitCount {
  return { limit: rule.name, of: rule.of, remaining, isExceeded, isShadow: rule.isShadow };
}

/** The limit that will be used up first, if all goes on as now. */
function nearest(standings: readonly Standing[]): Standing | undefined {
  const shareOf = ({ check, remaining }: Standing) => remaining / check.rule.burst;
  return standings
    .filter((standing) => isTold(standing) && !standing.check.rule.isShadow)
    .reduce<Standing | undefined>((least, one) => (least && shareOf(least) <= shareOf(one) ? least : one), undefined);
}

function toldOf({ check, remaining, resetMs }: Standing) {
  const { name, limit, burst, windowMs } = check.rule;
  // A bucket is told as the window in which it fills.
  const told = { name, limit: burst, windowMs: (windowMs * burst) / limit, key: check.key };
  return { ...told, remaining, resetSeconds: wholeSeconds(resetMs) };
}

function tellQuota(res: Response, standings: readonly Standing[]): void {
  const quota = standings.find(({ check }) => check.rule.name === 'quota');
  if (quota === undefined) return;
  res.setHeader('X-Quota-Limit', quota.check.rule.limit);
  res.setHeader('X-Quota-Remaining', quota.remaining);
  res.setHeader('X-Quota-Reset', wholeSeconds(quota.resetMs));
}

/** What a refusal says of the limit, by whom it counts. */
const WHOM = {
  address: 'this address',
  header: 'this client',
  user: 'this user',
  tenant: 'this tenant',
  apiKey: 'this API key',
  account: 'this account',
} as const satisfies Record<Rule['of'], string>;

function problemOf({ check: { rule }, resetMs, isUndecided }: Standing): Problem {
  const retryAfterSeconds = wholeSeconds(resetMs);
  if (isUndecided === true) {
    const detail = `The limit "${rule.name}" can not be checked now; try again shortly.`;
    return new Problem('overloaded', { detail, retryAfterSeconds });
  }
  if (rule.name === 'login_failures') {
    const detail = `Too many failed logins ${rule.of === 'account' ? 'to' : 'from'} ${WHOM[rule.of]}.`;
    return new Problem('rate_limited_auth_failures', { detail, retryAfterSeconds });
  }
  const reason = rule.of === 'address' || rule.of === 'header' ? 'rate_limited_ip' : 'rate_limited_user';
  if (rule.name === 'anonymous' || rule.name === 'user') return new Problem(reason, { retryAfterSeconds });
  const what = rule.name === 'quota' ? 'The monthly quota' : `The limit "${rule.name}"`;
  return new Problem(reason, { detail: `${what} of ${WHOM[rule.of]} is used up.`, retryAfterSeconds });
}
