import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { claiming, forge } from '../support/forge-token.ts';
import { bearer, secret, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

const nextSecret = 'the-secret-that-is-being-rotated-in!';
const oldSecret = 'the-secret-that-was-rotated-out-long-ago';

let crm: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  crm = await startRecordingBackend();
  gateway = await startGateway({
    upstreams: { crm: crm.port },
    env: { JWT_SECRET: `${secret}, ${nextSecret}` },
  });
});

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
});

beforeEach(() => crm.reset());

const ask = (path: string, authorization?: string, headers: Record<string, string> = {}) =>
  call(gateway.url + path, { headers: authorization === undefined ? headers : { ...headers, authorization } });

/** The identity headers that reached the service. */
function identity(): Record<string, string[]> {
  const headers = crm.requests.at(-1)?.headers ?? {};
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /^x-(user|tenant)-/.test(name)));
}

describe('authentication', () => {
  it.each([
    ['Bearer', 'Bearer'],
    ['bearer', 'bearer'],
    ['BEARER', 'BEARER'],
    ['Bearer and several spaces', 'Bearer   '],
  ])('takes the scheme %s: its case does not matter', async (_name, scheme) => {
    expect((await ask('/api/crm/x', `${scheme} ${tokenFor()}`)).status).toBe(200);
  });

  it.each([
    ['no Authorization header', undefined],
    ['an empty one', ''],
  ])('answers 401 auth_missing to %s', async (_name, authorization) => {
    const answer = await ask('/api/crm/x', authorization);
    expect(answer.status).toBe(401);
    expect(reasonOf(answer)).toBe('auth_missing');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="/);
    expect(crm.requests).toEqual([]);
  });

  it('takes a token of each listed secret while secrets rotate, and none of a former one', async () => {
    expect((await ask('/api/crm/x', `Bearer ${forge()}`)).status).toBe(200);
    expect((await ask('/api/crm/x', `Bearer ${forge({ key: nextSecret })}`)).status).toBe(200);
    expect((await ask('/api/crm/x', `Bearer ${forge({ key: oldSecret })}`)).status).toBe(401);
  });

  it('refuses a token that it has just taken, as soon as it has expired', async () => {
    // Four of the five seconds that clocks may differ by are used up.
    const token = claiming({ exp: Math.floor(Date.now() / 1000) - 3 });
    expect((await ask('/api/crm/x', `Bearer ${token}`)).status).toBe(200);
    const deadline = Date.now() + 10_000;
    let answer = await ask('/api/crm/x', `Bearer ${token}`);
    while (answer.status === 200 && Date.now() < deadline) answer = await ask('/api/crm/x', `Bearer ${token}`);
    expect(reasonOf(answer)).toBe('token_expired');
  });

  it('tells the service who is calling, whatever the client says of itself', async () => {
    const claims = { sub: 'user-2', email: 'zoë\r\nX-User-Id: root', roles: ['a,b', 'c'], tenantId: 't/é' };
    await ask('/api/crm/x', `Bearer ${tokenFor(claims)}`, { 'X-User-Id': 'root', X_User_Roles: 'admin' });
    expect(identity()).toEqual({
      'x-user-id': ['user-2'],
      'x-user-email': ['zo%C3%AB%0D%0AX-User-Id:%20root'],
      'x-user-roles': ['a%2Cb,c'],
      'x-tenant-id': ['t/%C3%A9'],
    });
  });

  it.each([
    ['no token', undefined],
    ['a forged token', `Bearer ${forge({ key: 'known' })}`],
    ['an expired token', `Bearer ${claiming({ exp: 1 })}`],
    ['no token at all but Basic', 'Basic cm9vdDpyb290'],
  ])('lets a public route pass with %s, as nobody', async (_name, authorization) => {
    const answer = await ask('/open/crm/x', authorization, { 'X-User-Id': 'root', 'X-User-Roles': 'admin' });
    expect(answer.status).toBe(200);
    expect(identity()).toEqual({});
  });

  it('lets a public route pass with a good token, as its owner', async () => {
    expect((await ask('/open/crm/x', bearer().authorization)).status).toBe(200);
    expect(identity()).toMatchObject({ 'x-user-id': ['user-1'] });
  });

  it('stays unharmed by claims and headers that aim at the prototype of objects', async () => {
    const claims = JSON.parse('{"__proto__":{"roles":["admin"]},"constructor":{"prototype":{"isAdmin":true}}}');
    const answer = await ask('/api/crm/x?__proto__[isAdmin]=1', `Bearer ${claiming(claims)}`, { __proto: 'x' });
    expect(answer.status).toBe(200);
    expect(identity()).toEqual({ 'x-user-id': ['user-1'] });
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
    for (let index = 0; index < 100; index++) {
      expect((await ask('/api/crm/x', bearer().authorization)).status).toBe(200);
    }
  });
});
