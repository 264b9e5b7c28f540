import type { LimitState } from './refusal.ts';

/** A policy's name and its parameters, in a list of them. @see draft-ietf-httpapi-ratelimit-headers-08 */
const ITEM = /"([^"]*)"((?:;[^,;]*)*)/g;

/** What the `RateLimit` header of an answer says, for each policy in it. */
export function limitStates(header: unknown): LimitState[] {
  if (typeof header !== 'string') return [];
  return [...header.matchAll(ITEM)].map(([, policy = '', parameters = '']) => ({
    policy,
    remaining: integer(parameters, 'r'),
    resetSeconds: integer(parameters, 't'),
  }));
}

function integer(parameters: string, name: string): number | undefined {
  const value = new RegExp(`; *${name}=(\\d{1,15})`).exec(parameters)?.[1];
  return value === undefined ? undefined : Number(value);
}
