import { describe, expect, it } from '@jest/globals';
import type { Request, Response } from 'express';
import { authenticate, type ReadCredential, validCallerOf } from '../../../src/auth/authenticate.ts';
import { unauthorized } from '../../../src/auth/unauthorized.ts';
import { type Caller, contextOf, type RequestContext, setContext } from '../../../src/context.ts';

const callerNamed = (userId: string): Caller => ({
  userId,
  tenantId: undefined,
  roles: [],
  scopes: [],
  credential: { kind: 'api_key', keyId: userId },
  headers: [],
});

const finds =
  (userId: string): ReadCredential =>
  () =>
    callerNamed(userId);
const asks =
  (userId: string): ReadCredential =>
  async () =>
    callerNamed(userId);
const passes: ReadCredential = () => undefined;
const refuses: ReadCredential = () => {
  throw unauthorized('token_expired');
};
const refusesLater: ReadCredential = async () => {
  throw unauthorized('token_revoked');
};
const breaks: ReadCredential = () => {
  throw new TypeError('a fault of ours');
};

function request(): Request {
  const req = {} as Request;
  setContext(req, {} as RequestContext);
  return req;
}

/** What the stage has found out when it passes the request on, and whether that was at once. */
async function outcome(...readers: readonly ReadCredential[]) {
  const req = request();
  let passedOn = 0;
  const waiting = authenticate({ readers })(req, {} as Response, () => passedOn++);
  const wasAtOnce = passedOn === 1;
  await waiting;
  const { caller, authProblem } = contextOf(req);
  return { who: caller?.userId ?? authProblem?.reason, passedOn, wasAtOnce };
}

describe('authenticate', () => {
  it.each([
    ['the first that finds a credential of its kind', [passes, finds('a'), finds('b')], 'a'],
    ['the first, also if the credential is not valid', [refuses, finds('b')], 'token_expired'],
    ['nobody, if no reader finds any', [passes, passes], 'auth_missing'],
  ])('believes %s, and passes on at once', async (_name, readers, who) => {
    expect(await outcome(...readers)).toEqual({ who, passedOn: 1, wasAtOnce: true });
  });

  it.each([
    ['finds somebody', [passes, asks('a'), refuses], 'a'],
    ['refuses', [refusesLater, finds('b')], 'token_revoked'],
  ])('waits for a reader that has to ask and %s, and passes on once', async (_name, readers, who) => {
    expect(await outcome(...readers)).toEqual({ who, passedOn: 1, wasAtOnce: false });
  });

  it('does not take a fault for a refusal', async () => {
    await expect(outcome(breaks)).rejects.toThrow('a fault of ours');
    await expect(outcome(async (req) => breaks(req) ?? callerNamed('x'))).rejects.toThrow('a fault of ours');
  });
});

describe('validCallerOf', () => {
  it('knows nobody without a valid credential', async () => {
    expect(await validCallerOf(request(), [passes])).toBeUndefined();
    expect(await validCallerOf(request(), [refuses])).toBeUndefined();
    expect(await validCallerOf(request(), [refusesLater])).toBeUndefined();
    expect((await validCallerOf(request(), [asks('a')]))?.userId).toBe('a');
    await expect(validCallerOf(request(), [breaks])).rejects.toThrow('a fault of ours');
  });
});
