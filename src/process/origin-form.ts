import { validHost } from '../context.ts';

/**
 * The target of a request as a server reads it: what a client sends to a proxy (`http://host/path`) loses its authority,
 * which was ours to look at and goes nowhere. `*` stays. Undefined for anything else.
 * It comes before the pipeline because Express parses targets before its first stage, and answers those that it can't
 * parse in its own words, unlogged.
 * @see RFC 9112 §3.2
 */
export function originForm(target: string): string | undefined {
  if (target.startsWith('/') || target === '*') return target;
  const [, authority, rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? [];
  if (validHost(authority) === undefined) return undefined;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
