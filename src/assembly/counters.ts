import { addressList } from '../rate-limit/address-list.ts';
import { checksOfRequest } from '../rate-limit/checks-of-request.ts';
import { limitRules } from '../rate-limit/limit-rules.ts';
import { sharedCounter } from '../rate-limit/shared-counter.ts';
import { sharedDecision } from '../rate-limit/shared-decision.ts';
import type { AppOptions } from './app-options.ts';

/** The three limits of the contract with their counters, and what is decided beside them. */
export function countersOf({ config, redis, worker, time }: AppOptions) {
  const { settings, gateway } = config;
  const windowMs = settings.RATE_LIMIT_WINDOW_MS;
  const rules = limitRules(gateway, settings);
  const limitOf = (name: string, limit: number) => ({
    limit,
    counter: sharedCounter({
      link: redis,
      prefix: `psa:limit:${name}:`,
      limit,
      windowMs,
      workers: worker.siblings,
      time,
    }),
  });
  return {
    windowMs,
    now: time.now,
    anonymous: limitOf('anonymous', settings.RATE_LIMIT_MAX_REQUESTS),
    user: limitOf('user', settings.USER_RATE_LIMIT_MAX),
    login: rules.login,
    checksOf: checksOfRequest({
      rules,
      isExempt: addressList(gateway.addresses.allow),
      // rate-limit-redis loads its script into one node; ours is sent to whichever has not got it.
      isAlways: redis.slotOf !== undefined,
      now: time.now,
    }),
    decide: sharedDecision({ link: redis, workers: worker.siblings, time }),
    /** The names of all limits, for metrics. */
    names: [...rules.policies.keys(), ...(rules.plans.size > 0 ? ['plan', 'quota'] : [])],
  };
}
