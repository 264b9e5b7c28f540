import type { Check, Rule } from './check.ts';
import { askRedis } from './decision-script.ts';
import {
  accountKey,
  keyOfAnonymous,
  keyOfLoginAccount,
  keyOfLoginFailures,
  keyOfLoginPair,
  keyOfPolicy,
  keyOfUsage,
  keyOfUser,
  type Subject,
} from './limit-keys.ts';
import { type LimitRules, quotaCheck } from './limit-rules.ts';

/** Sends one command to Redis. */
export type Command = (...args: [string, ...string[]]) => Promise<unknown>;

/** Whose limits are asked for. An account is what somebody logs in with. */
export type LimitSubject = Subject | { readonly kind: 'account'; readonly id: string; readonly address?: string };

/** What is left of one limit. */
export interface LimitState {
  readonly limit: string;
  readonly key: string;
  /** Units in a window, or the size of a bucket. */
  readonly size: number;
  readonly remaining: number;
  /** Until the window ends, or the bucket is full. */
  readonly resetSeconds: number;
}

interface StateOptions {
  /** Of the configuration, by `limitRules`. */
  readonly rules: LimitRules;
  readonly subject: LimitSubject;
  /** A tenant's plan, if the operator has given it one. */
  readonly plan?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Reads what is left of every limit of one subject, and changes nothing. The keys in Redis:
 *
 * - `psa:limit:anonymous:<address>`, `psa:limit:user:<user>`: the limits of the environment; a number that expires
 * - `psa:limit:login-failures:<address>`, `psa:limit:login-failures:<account>:{…}` (one account from one address),
 *   `psa:limit:login-account:<account>`; the account is a hash (`accountKey`)
 * - `psa:limit:<policy>:{<subject>}`, `psa:limit:plan:{<tenant>}`: number; with `:sliding` behind it a hash of tenths of the
 *   window, with `:token-bucket` a time
 * - `psa:quota:{<tenant>}:<yyyy-mm>`, `psa:usage:{<tenant>}:<yyyy-mm-dd>`: numbers; in UTC, usage kept for 62 days
 *
 * @returns a function of the command, so that any connection will do
 */
export function limitState(options: StateOptions) {
  return async function readLimits(command: Command): Promise<LimitState[]> {
    // One by one: in a cluster, a script may only touch keys of one slot.
    const answers = await Promise.all(checksOf(options).map((check) => askRedis(command, [check])));
    return answers.flat().map(({ check: { rule, key }, remaining, resetMs }) => ({
      limit: rule.name,
      key,
      size: rule.burst,
      remaining,
      resetSeconds: Math.ceil(resetMs / 1000),
    }));
  };
}

/**
 * Forgets what was counted for one subject. Workers that remember a refusal notice within a second.
 * @returns a function that resolves with the keys that were there
 */
export function resetLimits(options: StateOptions) {
  return async function removeCounts(command: Command): Promise<string[]> {
    const keys = checksOf(options).map(({ key }) => key);
    const removed = await Promise.all(keys.map((key) => command('DEL', key)));
    return keys.filter((_, index) => Number(removed[index]) > 0);
  };
}

/** What a tenant has used on one day (UTC). */
export interface DayOfUsage {
  readonly day: string;
  readonly units: number;
}

const DAY_MS = 86_400_000;

/** Reads what a tenant has used in the last days, today last. It is counted when plans are configured. */
export function usageOf({ tenant, days, now }: { tenant: string; days: number; now: number }) {
  return async function readUsage(command: Command): Promise<DayOfUsage[]> {
    const wanted = Array.from({ length: days }, (_, back) => new Date(now - back * DAY_MS).toISOString().slice(0, 10));
    const counts = await Promise.all(wanted.map((day) => command('GET', keyOfUsage(tenant, day))));
    return wanted.map((day, index) => ({ day, units: Number(counts[index] ?? 0) })).reverse();
  };
}

/** The checks of all limits of a subject, without weight: they only look. */
function checksOf({ rules, subject, plan, now }: StateOptions): Check[] {
  const check = (rule: Rule, key: string): Check => ({ rule, key, weight: 0 });
  if (subject.kind === 'account') return accountChecks(rules, subject);
  const checks = [...rules.policies.values()]
    .filter(({ rule }) => rule.of === subject.kind)
    .map(({ rule }) => check(rule, keyOfPolicy(rule, subject)));
  const { kind, id } = subject;
  if (kind === 'user') checks.unshift(check(rules.user, keyOfUser(id)));
  if (kind === 'address') {
    checks.unshift(check(rules.anonymous, keyOfAnonymous(id)), check(rules.login.address, keyOfLoginFailures(id)));
  }
  const ofTenant = kind === 'tenant' ? (rules.plans.get(plan ?? '') ?? rules.defaultPlan) : undefined;
  if (ofTenant === undefined) return checks;
  checks.push(check(ofTenant.rule, keyOfPolicy(ofTenant.rule, subject)));
  if (ofTenant.quota !== undefined) checks.push(quotaCheck(ofTenant.quota, { tenant: id, weight: 0, now }));
  return checks;
}

function accountChecks({ login }: LimitRules, { id, address }: { id: string; address?: string }): Check[] {
  const account = accountKey(id);
  const everywhere = { rule: login.account, key: keyOfLoginAccount(account), weight: 0 };
  if (address === undefined) return [everywhere];
  return [{ rule: login.pair, key: keyOfLoginPair(address, account), weight: 0 }, everywhere];
}
