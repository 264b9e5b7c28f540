import jwt from 'jsonwebtoken';
import { Problem } from '../problem/problem.ts';
import type { SigningKey } from './signing-keys.ts';
import { unauthorized } from './unauthorized.ts';

/** The claims of a verified token. */
export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string; readonly exp: number };

export interface TokenRules {
  readonly keys: readonly SigningKey[];
  readonly issuer: string;
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Clocks of two machines differ by this much at most. @see RFC 7519 §4.1.4 */
const LEEWAY_SECONDS = 5;

/** It becomes a header, a key in Redis and a part of log lines, so it holds nothing that only breaks things there. */
const SUBJECT = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/**
 * Returns a function that verifies one JWT.
 * @throws {Problem} (from the returned function) with the reason why a token is refused
 * @see RFC 8725
 */
export function verifyToken({ keys, issuer, audience, now }: TokenRules): (token: string) => Claims {
  return function verifyToken(token) {
    const nowSeconds = Math.floor(now() / 1000);
    const options = { issuer, audience, clockTolerance: LEEWAY_SECONDS, clockTimestamp: nowSeconds };
    let refusal: unknown;
    for (const { key, algorithms } of keys) {
      try {
        return checkClaims(jwt.verify(token, key, { ...options, algorithms, complete: true }), nowSeconds);
      } catch (error) {
        refusal = error;
        if (!isWrongKey(error)) break;
      }
    }
    throw refusal instanceof Problem ? refusal : problemOf(refusal);
  };
}

function checkClaims({ header, payload }: jwt.Jwt, nowSeconds: number): Claims {
  // Extensions that the issuer calls critical must be understood; we know none. @see RFC 7515 §4.1.11
  if ('crit' in header) throw unauthorized('auth_malformed', { detail: 'The token uses extensions (`crit`).' });
  if (typeof payload !== 'object' || payload === null) throw claims('the payload is not an object');
  const { exp, iat, sub } = payload as Record<string, unknown>;
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw claims('`exp` is missing');
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) {
    throw claims('`sub` must be a text of 1 to 255 characters without control characters');
  }
  if (iat !== undefined && typeof iat !== 'number') throw claims('`iat` must be a number');
  if (iat !== undefined && iat > nowSeconds + LEEWAY_SECONDS) {
    throw unauthorized('token_not_yet_valid', { detail: 'The token was issued in the future (`iat`).' });
  }
  return payload as Claims;
}

/** Only a signature of another key is worth trying the next key for. */
function isWrongKey(error: unknown): boolean {
  return error instanceof jwt.JsonWebTokenError && error.message === 'invalid signature';
}

function problemOf(error: unknown): Problem {
  if (error instanceof jwt.TokenExpiredError) return unauthorized('token_expired', { cause: error });
  if (error instanceof jwt.NotBeforeError) return unauthorized('token_not_yet_valid', { cause: error });
  const message = error instanceof Error ? error.message : '';
  if (/^jwt (audience|issuer) invalid/.test(message)) {
    const claim = message.includes('audience') ? 'aud' : 'iss';
    return unauthorized('token_claims_invalid', {
      detail: `The token is not for this API (\`${claim}\`).`,
      cause: error,
    });
  }
  if (/^invalid (exp|nbf) value/.test(message)) return claims('`exp` and `nbf` must be numbers', error);
  if (message === 'invalid signature' || message === 'invalid algorithm' || message === 'jwt signature is required') {
    return unauthorized('token_signature_invalid', { cause: error });
  }
  return unauthorized('auth_malformed', { cause: error });
}

function claims(what: string, cause?: unknown): Problem {
  return unauthorized('token_claims_invalid', {
    detail: `The token's claims are not acceptable: ${what}.`,
    cause,
  });
}
