import type { Request } from 'express';
import { type Caller, isRepeated } from '../context.ts';
import type { ReadCredential } from './authenticate.ts';
import { unauthorized } from './unauthorized.ts';

/** Hashing and parsing cost time in proportion, so longer tokens are refused unread. */
const MAX_TOKEN_BYTES = 8192;

const CREDENTIALS = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *$/i;

/**
 * Reads `Authorization: Bearer …`. It stands last among the readers: what it does not understand of that header is refused.
 * @param callerOfToken throws a Problem for a token that is not valid
 * @see RFC 6750 §2.1
 */
export function bearerToken({
  callerOfToken,
}: {
  callerOfToken: (token: string) => Caller | Promise<Caller>;
}): ReadCredential {
  return function bearerToken(req) {
    const token = tokenOf(req);
    return token === undefined ? undefined : callerOfToken(token);
  };
}

function tokenOf(req: Request): string | undefined {
  const { authorization } = req.headers;
  if (authorization === undefined || authorization === '') return undefined;
  if (authorization.length > MAX_TOKEN_BYTES) {
    throw unauthorized('auth_malformed', { detail: `The token is longer than ${MAX_TOKEN_BYTES} bytes.` });
  }
  const token = CREDENTIALS.exec(authorization)?.[1];
  if (token === undefined) throw unauthorized('auth_malformed');
  // Another server may believe the last of them.
  if (isRepeated(req.rawHeaders, 'authorization')) {
    throw unauthorized('auth_malformed', { detail: 'More than one Authorization header.' });
  }
  return token;
}
