import type { Problem } from '../problem/problem.ts';
import { unauthorized } from './unauthorized.ts';

/** What a token says before anybody has verified it: good for choosing who shall verify it, and for nothing else. */
export interface TokenParts {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Kinds of token that say who may call an API. Others, such as those for a logout, have the same keys. @see RFC 8725 §3.11 */
const TYPES = /^(?:application\/)?(?:at\+)?jwt$/i;

/**
 * Takes a JWT apart without verifying it.
 * @throws {Problem} `auth_malformed` if it is none, or if another text would mean the same token
 */
export function tokenParts(token: string): TokenParts {
  const [header, payload, signature, ...rest] = token.split('.').map(decoded);
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) throw malformed();
  return { header: objectIn(header), payload: objectIn(payload) };
}

/**
 * The rules for headers, the same for tokens of every source. `jku`, `jwk`, `x5u` and `x5c` are not looked at: no token
 * says where its key is.
 * @throws {Problem} `auth_malformed`
 */
export function checkHeader({ typ, ...header }: Readonly<Record<string, unknown>>): void {
  // Extensions that the issuer calls critical must be understood; we know none. @see RFC 7515 §4.1.11
  if ('crit' in header) throw malformed('The token uses extensions (`crit`).');
  if (typ !== undefined && (typeof typ !== 'string' || !TYPES.test(typ))) {
    throw malformed('The token is of another kind (`typ`).');
  }
}

/** Base64url has several spellings of the same bytes; a token has one. */
function decoded(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== part) throw malformed();
  return bytes;
}

function objectIn(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, as for everything that is no object.
  }
  throw malformed();
}

function malformed(detail?: string): Problem {
  return unauthorized('auth_malformed', detail === undefined ? {} : { detail });
}
