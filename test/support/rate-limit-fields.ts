import type { IncomingHttpHeaders } from 'node:http';

/** What `RateLimit` and `RateLimit-Policy` say. */
export interface RateLimitFields {
  readonly policy: string;
  /** Requests in a window. */
  readonly quota: number;
  readonly windowSeconds: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** A list of one string with parameters that are integers or byte sequences. @see RFC 9651 §4.2 */
const ITEM =
  /^"(?<name>[\x20\x21\x23-\x5b\x5d-\x7e]*)"(?<parameters>(?:; *[a-z*][a-z0-9_.*-]*=(?:\d{1,15}|:[A-Za-z0-9+/]*={0,2}:))*)$/;

/**
 * Reads the two headers as the structured fields that they must be.
 * @throws {Error} if they are none, or do not speak of the same policy
 * @see draft-ietf-httpapi-ratelimit-headers-08
 */
export function rateLimitFields(headers: IncomingHttpHeaders): RateLimitFields {
  const limit = parse('ratelimit', headers);
  const policy = parse('ratelimit-policy', headers);
  if (limit.name !== policy.name) throw new Error(`RateLimit is of "${limit.name}", the policy of "${policy.name}"`);
  return {
    policy: policy.name,
    quota: policy.integer('q'),
    windowSeconds: policy.integer('w'),
    remaining: limit.integer('r'),
    resetSeconds: limit.integer('t'),
  };
}

function parse(header: string, headers: IncomingHttpHeaders) {
  const text = headers[header];
  const groups = typeof text === 'string' ? ITEM.exec(text)?.groups : undefined;
  if (groups === undefined) throw new Error(`${header} is no structured field: ${JSON.stringify(text)}`);
  const pairs = (groups.parameters ?? '').split(';').slice(1);
  const parameters = new Map(pairs.map((pair) => pair.trim().split(/=(.*)/s) as [string, string]));
  if (parameters.size !== pairs.length) throw new Error(`${header} has a parameter twice: ${text}`);
  return {
    name: groups.name ?? '',
    integer(key: string): number {
      const value = parameters.get(key) ?? '';
      if (!/^\d+$/.test(value)) throw new Error(`${header} has no integer "${key}": ${text}`);
      return Number(value);
    },
  };
}
