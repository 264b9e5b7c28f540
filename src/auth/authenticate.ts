import type { Request, RequestHandler } from 'express';
import { type Caller, contextOf, isRepeated } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { unauthorized } from './unauthorized.ts';

/** Hashing and parsing cost time in proportion, so longer tokens are refused unread. */
const MAX_TOKEN_BYTES = 8192;

const CREDENTIALS = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *$/i;

/**
 * Stage: finds out who is calling. It refuses nobody: whether a token is needed is the route's business, and whoever has
 * no valid one is counted by address first.
 * @param callerOfToken throws a Problem for a token that is not valid
 */
export function authenticate({ callerOfToken }: { callerOfToken: (token: string) => Caller }) {
  return function authenticate(req, _res, next) {
    const context = contextOf(req);
    try {
      context.caller = callerOfToken(bearerToken(req));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      context.authProblem = error;
    }
    next();
  } satisfies RequestHandler;
}

/** Who is calling, for stages before this one; undefined without a valid token. */
export function callerOf(req: Request, callerOfToken: (token: string) => Caller): Caller | undefined {
  try {
    return callerOfToken(bearerToken(req));
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

function bearerToken(req: Request): string {
  const { authorization } = req.headers;
  if (authorization === undefined || authorization === '') throw unauthorized('auth_missing');
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
