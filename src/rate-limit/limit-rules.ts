import type { GatewayFile, PlanSettings, PolicySettings, Settings } from '../config/schema.ts';
import { addressList } from './address-list.ts';
import type { Check, Rule } from './check.ts';
import { keyOfQuota, keyOfUsage } from './limit-keys.ts';

/** A policy of `gateway.yaml`, ready to be applied. */
export interface Policy {
  readonly rule: Rule;
  readonly key: PolicySettings['key'];
  readonly isExempt: (address: string) => boolean;
  readonly isDenied: (address: string) => boolean;
}

/** What failed logins are counted by. */
export interface LoginRules {
  readonly address: Rule;
  /** One account from one address. */
  readonly pair: Rule;
  /** One account from all addresses. */
  readonly account: Rule;
}

/** What a tenant's plan allows. */
export interface Plan {
  readonly rule: Rule;
  readonly quota: Rule | undefined;
}

/** Every limit of the configuration. */
export interface LimitRules {
  readonly anonymous: Rule;
  readonly user: Rule;
  readonly login: LoginRules;
  readonly policies: ReadonlyMap<string, Policy>;
  readonly plans: ReadonlyMap<string, Plan>;
  /** The plan of a tenant whose own is not listed. */
  readonly defaultPlan: Plan | undefined;
}

type LimitSettings = Pick<
  Settings,
  'RATE_LIMIT_WINDOW_MS' | 'RATE_LIMIT_MAX_REQUESTS' | 'USER_RATE_LIMIT_MAX' | 'AUTH_RATE_LIMIT_MAX'
>;

type LimitSections = Pick<GatewayFile, 'policies' | 'plans' | 'defaultPlan' | 'logins'>;

/** Every limit that the configuration knows. */
export function limitRules(gateway: LimitSections, settings: LimitSettings) {
  const windowMs = settings.RATE_LIMIT_WINDOW_MS;
  const plans = new Map(Object.entries(gateway.plans).map(([name, plan]) => [name, planOf(plan)]));
  return {
    anonymous: fixedRule({ name: 'anonymous', of: 'address', limit: settings.RATE_LIMIT_MAX_REQUESTS, windowMs }),
    user: fixedRule({ name: 'user', of: 'user', limit: settings.USER_RATE_LIMIT_MAX, windowMs }),
    login: loginRules({ failures: settings.AUTH_RATE_LIMIT_MAX, perAccount: gateway.logins.maxPerAccount, windowMs }),
    policies: new Map(Object.entries(gateway.policies).map(([name, policy]) => [name, policyOf(name, policy)])),
    plans,
    defaultPlan: plans.get(gateway.defaultPlan ?? ''),
  } satisfies LimitRules;
}

/** A rule of fixed windows that holds whatever becomes of Redis. */
export function fixedRule(rule: Pick<Rule, 'name' | 'of' | 'limit' | 'windowMs'>): Rule {
  return { ...rule, burst: rule.limit, algorithm: 'fixed', isShadow: false, onStoreError: 'local' };
}

function loginRules({ failures, perAccount, windowMs }: Record<'failures' | 'perAccount' | 'windowMs', number>) {
  const rule = (of: 'address' | 'account', limit: number) =>
    ({ ...fixedRule({ name: 'login_failures', of, limit, windowMs }), isSilent: true }) as const;
  return {
    address: { ...rule('address', failures), algorithm: 'look' },
    pair: rule('account', failures),
    account: rule('account', perAccount),
  } satisfies LoginRules;
}

function policyOf(name: string, { mode, key, allow, deny, ...rate }: PolicySettings): Policy {
  return {
    rule: { ...rateOf(rate), name, of: typeof key === 'string' ? key : 'header', isShadow: mode === 'shadow' },
    key,
    isExempt: addressList(allow),
    isDenied: addressList(deny),
  };
}

function planOf({ monthlyQuota, ...rate }: PlanSettings): Plan {
  const quota = { name: 'quota', of: 'tenant', limit: monthlyQuota ?? 0, windowMs: MONTH_MS } as const;
  return {
    rule: { ...rateOf(rate), name: 'plan', of: 'tenant', isShadow: false },
    quota: monthlyQuota === undefined ? undefined : { ...fixedRule(quota), onStoreError: rate.onStoreError },
  };
}

function rateOf({ algorithm, limit, windowMs, burst, onStoreError }: Omit<PlanSettings, 'monthlyQuota'>) {
  return { algorithm, limit, windowMs, burst: algorithm === 'token-bucket' ? (burst ?? limit) : limit, onStoreError };
}

/** What headers say of a quota; its windows end with their month. */
const MONTH_MS = 30 * 86_400_000;

/** How long it stays known what a tenant has used. */
const USAGE_MS = 62 * 86_400_000;

const usage: Rule = {
  ...fixedRule({ name: 'usage', of: 'tenant', limit: 0, windowMs: USAGE_MS }),
  algorithm: 'usage',
};

/** The check of a tenant's quota in the month of a date, which ends with the month (UTC). */
export function quotaCheck(rule: Rule, { tenant, weight, now }: Counted): Check {
  const date = new Date(now);
  const end = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  return { rule, key: keyOfQuota(tenant, date.toISOString().slice(0, 7)), weight, windowMs: end - now };
}

/** Counts what a tenant uses on a day, without a limit. */
export function usageCheck({ tenant, weight, now }: Counted): Check {
  return { rule: usage, key: keyOfUsage(tenant, new Date(now).toISOString().slice(0, 10)), weight };
}

interface Counted {
  readonly tenant: string;
  readonly weight: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}
