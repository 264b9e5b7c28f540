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

const MAX_SUBJECT_LENGTH = 255;

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
        return checkClaims(jwt.verify(token, key, { ...options, algorithms }), nowSeconds);
      } catch (error) {
        refusal = error;
        if (!isWrongKey(error)) break;
      }
    }
    throw refusal instanceof Problem ? refusal : problemOf(refusal);
  };
}

function checkClaims(payload: unknown, nowSeconds: number): Claims {
  if (typeof payload !== 'object' || payload === null) throw claims('the payload is not an object');
  const { exp, iat, sub } = payload as Record<string, unknown>;
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw claims('`exp` is missing');
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT_LENGTH) {
    throw claims(`\`sub\` must be a text of 1 to ${MAX_SUBJECT_LENGTH} characters`);
  }
  if (typeof iat === 'number' && iat > nowSeconds + LEEWAY_SECONDS) {
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
