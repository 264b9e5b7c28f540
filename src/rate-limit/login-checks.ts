import type { Check } from './check.ts';
import { keyOfLoginAccount, keyOfLoginFailures, keyOfLoginPair } from './limit-keys.ts';
import type { LoginRules } from './limit-rules.ts';

/** Who tries to log in as whom. */
export interface LoginAttempt {
  readonly address: string;
  /** Hash of the account; undefined if it is not known. */
  readonly account: string | undefined;
}

/**
 * What an attempt has to pass. It looks at the failures of its address, and takes a place of its account, both at this
 * address and from everywhere, before anybody knows how it ends: so attempts at the same time can't all get through.
 */
export function loginChecks(rules: LoginRules, attempt: LoginAttempt): Check[] {
  const look = { rule: rules.address, key: keyOfLoginFailures(attempt.address), weight: 1 };
  return [look, ...placesOf(rules, { attempt, weight: 1 })];
}

/** Gives the places of an attempt back, once it is known that it did not fail. */
export function returnedPlaces(rules: LoginRules, attempt: LoginAttempt): Check[] {
  return placesOf(rules, { attempt, weight: -1 });
}

/** Counts a failure for its address. */
export function addressFailure(rules: LoginRules, { address }: LoginAttempt): Check {
  return { rule: { ...rules.address, algorithm: 'fixed' }, key: keyOfLoginFailures(address), weight: 1 };
}

function placesOf(rules: LoginRules, { attempt, weight }: { attempt: LoginAttempt; weight: number }): Check[] {
  const { address, account } = attempt;
  if (account === undefined) return [];
  return [
    { rule: rules.pair, key: keyOfLoginPair(address, account), weight },
    { rule: rules.account, key: keyOfLoginAccount(account), weight },
  ];
}
