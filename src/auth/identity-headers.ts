import type { Caller } from '../context.ts';
import { type Claims, isId } from './check-claims.ts';
import { unauthorized } from './unauthorized.ts';

/** Longest header value that a claim may become: services refuse longer ones with errors that nobody understands. */
const MAX_VALUE_LENGTH = 4096;

/**
 * Returns a function that makes a caller of verified claims.
 * @param headers which claim feeds which header, such as `X-User-Id: sub`
 * @param scopeClaims the claims whose scopes count, all together
 * @throws {Problem} (from the returned function) `token_claims_invalid` if a claim can't be a header
 */
export function callerFromClaims({
  headers,
  scopeClaims,
}: {
  headers: Readonly<Record<string, string>>;
  scopeClaims: readonly string[];
}): (claims: Claims) => Caller {
  const mapping = Object.entries(headers);
  return function callerFromClaims(claims) {
    const values: [string, string][] = [];
    for (const [name, claim] of mapping) {
      const value = headerValue(Object.hasOwn(claims, claim) ? claims[claim] : undefined, claim);
      if (value !== undefined) values.push([name, value]);
    }
    const { sub, tenantId, roles, jti, iat } = claims;
    return {
      userId: sub,
      tenantId: tenantOf(tenantId),
      roles: roleList(roles ?? []),
      scopes: scopesOf(claims, scopeClaims),
      credential: {
        kind: 'token',
        jti: typeof jti === 'string' ? jti : undefined,
        issuedAtSeconds: typeof iat === 'number' ? iat : undefined,
      },
      headers: values,
    };
  };
}

/**
 * One tenant, in the words of its header: a service must never be told of a tenant that plans, suspensions and revocations
 * don't see.
 */
function tenantOf(claim: unknown): string | undefined {
  if (claim === undefined || claim === null || claim === '') return undefined;
  const id = typeof claim === 'number' ? String(claim) : claim;
  if (!isId(id)) throw invalid('tenantId', 'must be a text of 1 to 255 characters without control characters');
  return id;
}

/** What is no list of texts is refused: the gateway and a service could read it as different roles. */
function roleList(roles: unknown): readonly string[] {
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) {
    throw invalid('roles', 'must be a list of texts');
  }
  return roles;
}

/** A text with spaces between, as OAuth has it, or a list of texts, as others do. @see RFC 8693 §4.2 */
function scopesOf(claims: Claims, names: readonly string[]): readonly string[] {
  const scopes = names.flatMap((name) => {
    const value = Object.hasOwn(claims, name) ? (claims[name] ?? []) : [];
    const list: unknown = typeof value === 'string' ? value.split(' ') : value;
    if (Array.isArray(list) && list.every((scope) => typeof scope === 'string')) return list as string[];
    throw invalid(name, 'must be a text or a list of texts');
  });
  return scopes.length === 0 ? scopes : [...new Set(scopes.filter((scope) => scope !== ''))];
}

function headerValue(claim: unknown, name: string): string | undefined {
  if (claim === undefined || claim === null) return undefined;
  const items = Array.isArray(claim) ? claim : [claim];
  if (!items.every((item) => typeof item === 'string' || typeof item === 'number')) {
    throw invalid(name, 'must be a text or a list of texts');
  }
  const value = items.map((item) => encode(String(item))).join(',');
  if (value.length > MAX_VALUE_LENGTH) throw invalid(name, `is longer than ${MAX_VALUE_LENGTH} characters`);
  return value;
}

/**
 * Percent-encodes what can't stand in a header (control characters, anything beyond ASCII), what would make one item of a
 * list two (`,`), and `%` itself. So no claim can smuggle in a header or a role, and none is lost.
 */
function encode(text: string): string {
  if (/^[!-$&-+\--~]*$/.test(text)) return text;
  return text.isWellFormed()
    ? text.replace(/[^!-$&-+\--~]+/gu, (part) => Array.from(Buffer.from(part), percent).join(''))
    : encode(text.toWellFormed());
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function invalid(claim: string, problem: string) {
  return unauthorized('token_claims_invalid', { detail: `The claim \`${claim}\` ${problem}.` });
}
