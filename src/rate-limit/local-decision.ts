import { type Check, type Decision, decisionOf, type Standing } from './check.ts';
import { localCounter } from './local-counter.ts';

/** Decides without Redis, beginning with what Redis last said. */
export interface LocalDecision {
  decide(checks: readonly Check[]): Decision;
  learn(standings: readonly Standing[]): void;
}

/**
 * Decides checks in this process by what their rules say about the time without Redis. What counts here counts in fixed
 * windows, whatever the algorithm; a bucket becomes the window in which it fills, so that it allows as much in the long run.
 * @param share how many workers divide the limits among them
 * @param now milliseconds since 1970
 */
export function localDecision({ share, now }: { share: number; now: () => number }): LocalDecision {
  const counter = localCounter({ windowMs: 1000, share, now });
  const hitOf = (check: Check) => ({ weight: check.weight, windowMs: windowOf(check) });
  const standingOf = (check: Check): Standing => {
    const { rule, key } = check;
    if (rule.algorithm === 'usage' || rule.onStoreError === 'allow') {
      return { check, remaining: rule.burst, resetMs: 0, isExceeded: false };
    }
    if (rule.onStoreError === 'deny')
      return { check, remaining: 0, resetMs: 1000, isExceeded: true, isUndecided: true };
    const known = counter.get(key);
    const used = known?.totalHits ?? 0;
    // The request itself counts once, or a small limit would be a smaller one for all workers together.
    const isExceeded = check.weight > 0 && used + check.weight > rule.burst;
    return {
      check,
      remaining: Math.max(0, rule.burst - used - (isExceeded ? 0 : check.weight)),
      resetMs: known?.resetTime === undefined ? windowOf(check) : known.resetTime.getTime() - now(),
      isExceeded,
    };
  };
  return {
    decide(checks) {
      const decision = decisionOf(checks.map(standingOf));
      if (decision.refusal !== undefined) return decision;
      for (const { check, isExceeded } of decision.standings) {
        const { algorithm, onStoreError } = check.rule;
        if (!isExceeded && onStoreError === 'local' && algorithm !== 'look') counter.increment(check.key, hitOf(check));
      }
      return decision;
    },
    learn(standings) {
      for (const { check, remaining, resetMs, isExceeded } of standings) {
        const { rule, key } = check;
        if (rule.algorithm === 'usage' || rule.onStoreError !== 'local') continue;
        // A look has counted itself nowhere.
        const used = rule.burst - remaining - (rule.algorithm === 'look' && !isExceeded ? check.weight : 0);
        // Of a sliding window the last hit matters for longest.
        const lastsMs = rule.algorithm === 'sliding' ? rule.windowMs : resetMs;
        counter.learn(key, { totalHits: used, resetAtMs: now() + lastsMs });
      }
    },
  };
}

function windowOf({ rule, windowMs = rule.windowMs }: Check): number {
  return rule.algorithm === 'token-bucket' ? (windowMs * rule.burst) / rule.limit : windowMs;
}
