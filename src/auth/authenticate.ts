import type { Request, RequestHandler } from 'express';
import { type Caller, contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { unauthorized } from './unauthorized.ts';

/**
 * Reads one kind of credential: a bearer token, an API key. Undefined if the request carries none of its kind, so that
 * the next reader is asked; a caller at once if it is known, and later only if somebody else has to be asked.
 * @throws {Problem} (or the promise rejects with one) if the credential is of its kind and not valid
 */
export type ReadCredential = (req: Request) => Caller | Promise<Caller> | undefined;

/**
 * Stage: finds out who is calling. It refuses nobody: whether a credential is needed is the route's business, and whoever
 * has no valid one is counted by address first.
 * @param readers asked in turn. The first that finds a credential of its kind decides, also if it is not valid: else a
 * bad one could hide behind a good one
 */
export function authenticate({ readers }: { readers: readonly ReadCredential[] }) {
  return function authenticate(req, _res, next) {
    const context = contextOf(req);
    const remember = (caller: Caller) => {
      context.caller = caller;
    };
    const remain = (error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      context.authProblem = error;
    };
    try {
      const found = callerOf(req, readers);
      // Nearly all are known, and they must not pay for those that are not.
      if (found instanceof Promise) return found.then(remember, remain).then(() => next());
      remember(found);
    } catch (error) {
      remain(error);
    }
    return next();
  } satisfies RequestHandler;
}

/** Who is calling, for stages before this one; undefined without a valid credential. */
export async function validCallerOf(req: Request, readers: readonly ReadCredential[]): Promise<Caller | undefined> {
  try {
    return await callerOf(req, readers);
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

function callerOf(req: Request, readers: readonly ReadCredential[]): Caller | Promise<Caller> {
  for (const read of readers) {
    const caller = read(req);
    if (caller !== undefined) return caller;
  }
  throw unauthorized('auth_missing');
}
