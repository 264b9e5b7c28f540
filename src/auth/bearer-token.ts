import type { Request } from 'express';
import { type Caller, isRepeated } from '../context.ts';
import type { ReadCredential } from './authenticate.ts';
import { unauthorized } from './unauthorized.ts';

/** Hashing and parsing cost time in proportion, so longer tokens are refused unread. */
const MAX_TOKEN_BYTES = 8192;

const JWT = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *$/i;
const ANY_TOKEN = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

interface BearerTokenOptions {
  readonly callerOfToken: (token: string) => Caller | Promise<Caller>;
  /** For tokens that are no JWT; without it they are malformed. */
  readonly callerOfOpaqueToken: ((token: string) => Caller | Promise<Caller>) | undefined;
}

/**
 * Reads `Authorization: Bearer …`. It stands last among the readers: what it does not understand of that header is refused.
 * @throws {Problem} (from the returned function, or its promise rejects) for a token that is not valid
 * @see RFC 6750 §2.1
 */
export function bearerToken({ callerOfToken, callerOfOpaqueToken }: BearerTokenOptions): ReadCredential {
  return function bearerToken(req) {
    const { authorization } = req.headers;
    if (authorization === undefined || authorization === '') return undefined;
    checkHeader(req, authorization);
    const token = JWT.exec(authorization)?.[1];
    if (token !== undefined) return callerOfToken(token);
    const opaque = callerOfOpaqueToken && ANY_TOKEN.exec(authorization)?.[1];
    if (opaque === undefined) throw unauthorized('auth_malformed');
    return callerOfOpaqueToken?.(opaque);
  };
}

function checkHeader({ rawHeaders }: Request, authorization: string): void {
  if (authorization.length > MAX_TOKEN_BYTES) {
    throw unauthorized('auth_malformed', { detail: `The token is longer than ${MAX_TOKEN_BYTES} bytes.` });
  }
  // Another server may believe the last of them.
  if (isRepeated(rawHeaders, 'authorization')) {
    throw unauthorized('auth_malformed', { detail: 'More than one Authorization header.' });
  }
}
