import type { Request } from 'express';
import { contextOf, type RequestContext } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import type { Check } from './check.ts';
import { keyOfAnonymous, keyOfPolicy, keyOfUser, type Subject } from './limit-keys.ts';
import { type LimitRules, type Policy, quotaCheck, usageCheck } from './limit-rules.ts';
import { loginChecks } from './login-checks.ts';

interface ChecksOptions {
  readonly rules: LimitRules;
  /** Whether an address is exempt from limits by address. */
  readonly isExempt: (address: string) => boolean;
  /** Whether to list also what is one check alone. */
  readonly isAlways: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Returns a function that lists what a request has to pass: the limit of the environment, the policies of its route, the
 * plan of its tenant, those of its API key, and the limits of failed logins. Undefined if it is the first alone, as most often.
 * @throws {Problem} (from the returned function) `ip_denied` if a policy of the route denies the address
 */
export function checksOfRequest({ rules, isExempt, isAlways, now }: ChecksOptions) {
  return function checksOf(req: Request): Check[] | undefined {
    const context = contextOf(req);
    const { route, caller, client, login } = context;
    const names = policiesOf(context);
    const tenant = rules.plans.size > 0 ? tenantOf(context) : undefined;
    const isFree = isExempt(client.address);
    const isPlain = !isAlways && names.length === 0 && tenant === undefined && login === undefined;
    if (isPlain && !(isFree && caller === undefined)) return undefined;
    const checks: Check[] = [];
    if (caller !== undefined) checks.push({ rule: rules.user, key: keyOfUser(caller.userId), weight: 1 });
    else if (!isFree) checks.push({ rule: rules.anonymous, key: keyOfAnonymous(client.address), weight: 1 });
    const weight = route?.settings.weight ?? 1;
    for (const name of names) {
      const check = checkOf(req, rules.policies.get(name), isFree);
      if (check !== undefined) checks.push({ ...check, weight });
    }
    if (tenant !== undefined) checks.push(...planChecks(context, tenant, weight));
    if (login !== undefined) checks.push(...loginChecks(rules.login, { address: client.address, ...login }));
    return checks;
  };

  function planChecks({ tenant }: RequestContext, id: string, weight: number): Check[] {
    const plan = rules.plans.get(tenant?.plan ?? '') ?? rules.defaultPlan;
    const counted = { tenant: id, weight, now: now() };
    const checks = [usageCheck(counted)];
    if (plan === undefined) return checks;
    checks.push({ rule: plan.rule, key: keyOfPolicy(plan.rule, { kind: 'tenant', id }), weight });
    if (plan.quota !== undefined) checks.push(quotaCheck(plan.quota, counted));
    return checks;
  }
}

/** The names of the policies of its route and of its API key, each once. */
function policiesOf({ route, caller }: RequestContext): readonly string[] {
  const ofRoute = route?.settings.limits ?? [];
  const ofKey = caller?.credential.kind === 'api_key' ? (caller.credential.limits ?? []) : [];
  return ofKey.length === 0 ? ofRoute : [...new Set([...ofRoute, ...ofKey])];
}

function checkOf(req: Request, policy: Policy | undefined, isFree: boolean): Omit<Check, 'weight'> | undefined {
  if (policy === undefined) return undefined;
  const { address } = contextOf(req).client;
  if (policy.isDenied(address)) throw new Problem('ip_denied');
  const subject = policy.isExempt(address) ? undefined : subjectOf(req, policy.key);
  if (subject === undefined || (isFree && subject.kind === 'address')) return undefined;
  return { rule: policy.rule, key: keyOfPolicy(policy.rule, subject) };
}

/** Who a policy counts; undefined if it has nobody to count. */
function subjectOf(req: Request, key: Policy['key']): Subject | undefined {
  const context = contextOf(req);
  const { client, caller } = context;
  const subject = (kind: 'user' | 'tenant' | 'apiKey', id: string | undefined) =>
    id === undefined ? undefined : { kind, id };
  const byAddress = { kind: 'address', id: client.address } as const;
  if (typeof key === 'object') {
    const value = req.headers[key.header.toLowerCase()];
    // Leaving it out must be no way around the limit.
    return value === undefined || value === '' ? byAddress : { kind: 'header', id: String(value) };
  }
  if (key === 'address') return byAddress;
  if (key === 'user') return subject(key, caller?.userId);
  if (key === 'tenant') return subject(key, tenantOf(context));
  return subject(key, caller?.credential.kind === 'api_key' ? caller.credential.keyId : undefined);
}

function tenantOf({ tenant, caller }: RequestContext): string | undefined {
  return tenant?.id ?? caller?.tenantId;
}
