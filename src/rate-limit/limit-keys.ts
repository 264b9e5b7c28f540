import { hash } from 'node:crypto';
import { addressKey } from './address-key.ts';
import type { Rule } from './check.ts';

/** Who a limit counts. */
export interface Subject {
  readonly kind: 'address' | 'user' | 'tenant' | 'apiKey' | 'header';
  readonly id: string;
}

/** Where requests without a valid token are counted. */
export const keyOfAnonymous = (address: string) => `psa:limit:anonymous:${addressKey(address)}`;

/** Where the requests of a user are counted. */
export const keyOfUser = (userId: string) => `psa:limit:user:${userId}`;

/** Where the failed logins of an address are counted. */
export const keyOfLoginFailures = (address: string) => `psa:limit:login-failures:${addressKey(address)}`;

/** What one account has failed at from one address. Beside the address, so that one script may touch both. */
export const keyOfLoginPair = (address: string, account: string) =>
  `psa:limit:login-failures:${account}:{${keyOfLoginFailures(address)}}`;

/** What one account has failed at, from anywhere. */
export const keyOfLoginAccount = (account: string) => `psa:limit:login-account:${account}`;

/**
 * Where a policy counts a subject. What stands in braces decides the slot in a cluster, and for users and addresses it is
 * the key of their limit of the environment: so one script decides over both. Each algorithm keeps something else, so a
 * policy that gets another one begins anew.
 */
export function keyOfPolicy({ name, algorithm }: Pick<Rule, 'name' | 'algorithm'>, { kind, id }: Subject): string {
  const tags = {
    address: keyOfAnonymous,
    user: keyOfUser,
    tenant: (value: string) => value,
    apiKey: (value: string) => value,
    // Long or secret, for all we know.
    header: (value: string) => hash('sha256', value, 'base64url').slice(0, 22),
  };
  const key = `psa:limit:${name}:{${tags[kind](id)}}`;
  return algorithm === 'fixed' ? key : `${key}:${algorithm}`;
}

/** Where a tenant's quota is counted; `month` is `yyyy-mm`. */
export const keyOfQuota = (tenant: string, month: string) => `psa:quota:{${tenant}}:${month}`;

/** Where a tenant's usage is counted; `day` is `yyyy-mm-dd`. */
export const keyOfUsage = (tenant: string, day: string) => `psa:usage:{${tenant}}:${day}`;

/** How a login name stands in keys: those who type it differently mean the same account. */
export function accountKey(loginName: string): string {
  return hash('sha256', loginName.normalize('NFKC').trim().toLowerCase(), 'base64url').slice(0, 22);
}
