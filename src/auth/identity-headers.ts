import type { Caller } from '../context.ts';
import { type Claims, isId } from './check-claims.ts';
import { unauthorized } from './unauthorized.ts';

/** Longest header value that a claim may become: services refuse longer ones with errors that nobody understands. */
const MAX_VALUE_LENGTH = 4096;

type HeaderClaims = Readonly<Record<string, string>>;

/**
 * The claims that say of which tenant a caller is, and which roles it has: those that feed the headers of these names, so
 * that services are told of nobody else than the gateway's own checks see.
 */
export function claimNames(headers: HeaderClaims): { readonly tenantId: string; readonly roles: string } {
  const claimOf = (header: string) => Object.entries(headers).find(([name]) => name.toLowerCase() === header)?.[1];
  return { tenantId: claimOf('x-tenant-id') ?? 'tenantId', roles: claimOf('x-user-roles') ?? 'roles' };
}

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
  headers: HeaderClaims;
  scopeClaims: readonly string[];
}): (claims: Claims) => Caller {
  const mapping = Object.entries(headers);
  const names = claimNames(headers);
  return function callerFromClaims(claims) {
    const values: [string, string][] = [];
    for (const [name, claim] of mapping) {
      const value = headerValue(ownClaim(claims, claim), claim);
      if (value !== undefined) values.push([name, value]);
    }
    const { sub, jti, iat } = claims;
    return {
      userId: sub,
      tenantId: tenantOf(claims, names.tenantId),
      roles: roleList(claims, names.roles),
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

/** @throws {Problem} unless it is one tenant, in the words of its header */
function tenantOf(claims: Claims, name: string): string | undefined {
  const claim = ownClaim(claims, name) ?? '';
  if (claim === '') return undefined;
  const id = typeof claim === 'number' ? String(claim) : claim;
  if (!isId(id)) throw invalid(name, 'must be a text of 1 to 255 characters without control characters');
  return id;
}

/** What is no list of texts is refused: the gateway and a service could read it as different roles. */
function roleList(claims: Claims, name: string): readonly string[] {
  const roles = ownClaim(claims, name) ?? [];
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) {
    throw invalid(name, 'must be a list of texts');
  }
  return roles as readonly string[];
}

function ownClaim(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

/** A text with spaces between, as OAuth has it, or a list of texts, as others do. @see RFC 8693 §4.2 */
function scopesOf(claims: Claims, names: readonly string[]): readonly string[] {
  const scopes = names.flatMap((name) => {
    const value = ownClaim(claims, name) ?? [];
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
