import type { Problem } from '../problem/problem.ts';
import { unauthorized } from './unauthorized.ts';

/** The claims of a verified token. */
export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string; readonly exp: number };

/** What one source of tokens promises of their claims. */
export interface ClaimRules {
  /** The only `iss`; undefined asks for none. */
  readonly issuer: string | undefined;
  /** One of these must be in `aud`; undefined asks for none. */
  readonly audience: readonly string[] | undefined;
  /** Clocks of two machines differ by this much at most. @see RFC 7519 §4.1.4 */
  readonly leewaySeconds: number;
}

const ID = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/**
 * The rules for claims, the same for tokens of every source: `exp` and `sub` must be there, and nothing may be of a type
 * that somebody else could read differently.
 * @throws {Problem} with the first claim that is not acceptable
 * @see RFC 8725 §3
 */
export function checkClaims(payload: unknown, rules: ClaimRules & { readonly nowSeconds: number }): Claims {
  const { nowSeconds, leewaySeconds } = rules;
  if (typeof payload !== 'object' || payload === null) throw unfit('the payload is not an object');
  const { exp, nbf, iat, sub } = payload as Record<string, unknown>;
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw unfit('`exp` is missing or no number');
  if (nbf !== undefined && typeof nbf !== 'number') throw unfit('`nbf` must be a number');
  if (iat !== undefined && typeof iat !== 'number') throw unfit('`iat` must be a number');
  if (nowSeconds >= exp + leewaySeconds) throw unauthorized('token_expired');
  if (nbf !== undefined && nbf > nowSeconds + leewaySeconds) throw unauthorized('token_not_yet_valid');
  if (iat !== undefined && iat > nowSeconds + leewaySeconds) {
    throw unauthorized('token_not_yet_valid', { detail: 'The token was issued in the future (`iat`).' });
  }
  checkParties(payload as Record<string, unknown>, rules);
  if (!isId(sub)) throw unfit('`sub` must be a text of 1 to 255 characters without control characters');
  return payload as Claims;
}

/**
 * Whether a claim can be the id of a user or a tenant. It becomes a header, a key in Redis and a part of log lines, so it
 * holds nothing that only breaks things there.
 */
export function isId(claim: unknown): claim is string {
  return typeof claim === 'string' && ID.test(claim);
}

/** Which claim says that a token is for somebody else, never what it should say. */
export function notForThisApi(claim: 'iss' | 'aud' | 'token_use'): Problem {
  return unauthorized('token_claims_invalid', { detail: `The token is not for this API (\`${claim}\`).` });
}

function checkParties({ iss, aud }: Record<string, unknown>, { issuer, audience }: ClaimRules): void {
  if (audience !== undefined) {
    const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
    if (!audience.some((name) => named.includes(name))) throw notForThisApi('aud');
  }
  if (issuer !== undefined && iss !== issuer) throw notForThisApi('iss');
}

function unfit(what: string): Problem {
  return unauthorized('token_claims_invalid', { detail: `The token's claims are not acceptable: ${what}.` });
}
