import jwt from 'jsonwebtoken';
import { Problem } from '../problem/problem.ts';
import { type ClaimRules, type Claims, checkClaims } from './check-claims.ts';
import type { SigningKey } from './signing-keys.ts';
import { checkHeader } from './token-parts.ts';
import { unauthorized } from './unauthorized.ts';

export interface TokenRules extends ClaimRules {
  readonly keys: readonly SigningKey[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Claims are judged by us, for tokens of every source in the same way. */
const SIGNATURE_ONLY = { ignoreExpiration: true, ignoreNotBefore: true, complete: true } as const;

/**
 * Returns a function that verifies one JWT of those who share a secret with us.
 * @throws {Problem} (from the returned function) with the reason why a token is refused
 * @see RFC 8725
 */
export function verifyToken({ keys, now, ...rules }: TokenRules): (token: string) => Claims {
  return function verifyToken(token) {
    let refusal: unknown;
    for (const { key, algorithms } of keys) {
      try {
        const { header, payload } = jwt.verify(token, key, { ...SIGNATURE_ONLY, algorithms });
        checkHeader({ ...header });
        return checkClaims(payload, { ...rules, nowSeconds: Math.floor(now() / 1000) });
      } catch (error) {
        refusal = error;
        if (!isWrongKey(error)) break;
      }
    }
    throw refusal instanceof Problem ? refusal : problemOf(refusal);
  };
}

/** Only a signature of another key is worth trying the next key for. */
function isWrongKey(error: unknown): boolean {
  return error instanceof jwt.JsonWebTokenError && error.message === 'invalid signature';
}

function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : '';
  if (message === 'invalid signature' || message === 'invalid algorithm' || message === 'jwt signature is required') {
    return unauthorized('token_signature_invalid', { cause: error });
  }
  return unauthorized('auth_malformed', { cause: error });
}
