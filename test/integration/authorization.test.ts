import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

let crm: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  crm = await startRecordingBackend();
  const common = { path: '/api/crm/*', upstream: 'crm' };
  gateway = await startGateway({
    upstreams: { crm: crm.port },
    routes: [
      { ...common, methods: ['GET', 'POST'] },
      { ...common, methods: ['DELETE'], roles: ['admin', 'manager'] },
      { path: '/open/crm', upstream: 'crm', auth: 'none' },
      { path: '/both', upstream: 'crm', roles: { all: ['agent', 'nightly'] }, scopes: ['read:all', 'read:own'] },
      { path: '/mixed', upstream: 'crm', scopes: { any: ['read:all', 'read:own'], all: ['login', 'mfa'] } },
    ],
  });
});

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
});

beforeEach(() => crm.reset());

const ask = (method: string, roles: unknown, path = '/api/crm/x') =>
  call(gateway.url + path, { method, headers: bearer(tokenFor({ roles })) });

describe('authorization', () => {
  it.each([
    ['GET', []],
    ['POST', ['agent']],
    ['DELETE', ['admin']],
    ['DELETE', ['manager']],
    ['DELETE', ['agent', 'manager']],
  ])('lets %s pass for a caller with the roles %j', async (method, roles) => {
    expect((await ask(method, roles)).status).toBe(200);
    expect(crm.requests).toHaveLength(1);
  });

  it.each([
    [[]],
    [['agent']],
    [['Admin']],
    [['admin ']],
    [['administrator']],
    [['admin,manager']],
    [['*']],
    [[' ']],
    [['__proto__', 'length']],
  ])('answers 403 scope_missing, naming the roles, to a DELETE by a caller with the roles %j', async (roles) => {
    const answer = await ask('DELETE', roles);
    expect(answer.status).toBe(403);
    expect(reasonOf(answer)).toBe('scope_missing');
    expect(answer.headers['www-authenticate']).toBe('Bearer error="insufficient_scope"');
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      detail: 'This needs one of the roles: admin, manager.',
    });
    expect(crm.requests).toEqual([]);
  });

  it('has no roles for a token without any', async () => {
    expect((await ask('DELETE', undefined)).status).toBe(403);
    expect((await ask('GET', undefined)).status).toBe(200);
  });

  it('asks for a token before it speaks of roles', async () => {
    const answer = await call(`${gateway.url}/api/crm/x`, { method: 'DELETE' });
    expect(answer.status).toBe(401);
    expect(reasonOf(answer)).toBe('auth_missing');
  });

  it('does not let a method that no entry lists borrow the policy of another', async () => {
    const answer = await ask('PUT', ['admin']);
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, POST, DELETE');
    expect(crm.requests).toEqual([]);
  });

  it('asks nothing of a public route', async () => {
    expect((await call(`${gateway.url}/open/crm`)).status).toBe(200);
  });

  const get = (path: string, claims: Record<string, unknown>) =>
    call(gateway.url + path, { headers: bearer(tokenFor(claims)) });

  it.each([
    ['/both', { roles: ['nightly', 'agent'], scope: 'read:own' }],
    ['/both', { roles: ['nightly', 'agent', 'x'], scp: ['x', 'read:all'] }],
    ['/mixed', { permissions: ['mfa', 'read:own', 'login'] }],
  ])('lets a caller of %s pass with %j', async (path, claims) => {
    expect((await get(path, claims)).status).toBe(200);
  });

  it.each([
    ['/both', { roles: ['agent'], scope: 'read:own' }, 'This needs the role nightly.', undefined],
    ['/both', { roles: [], scope: 'read:own' }, 'This needs the roles agent, nightly.', undefined],
    [
      '/both',
      { roles: ['agent', 'nightly'], scope: 'read:own:1' },
      'This needs one of the scopes: read:all, read:own.',
      'read:all read:own',
    ],
    [
      '/mixed',
      { scope: 'login' },
      'This needs the scope mfa. This needs one of the scopes: read:all, read:own.',
      'mfa read:all read:own',
    ],
    ['/mixed', { scope: 'login read:own' }, 'This needs the scope mfa.', 'mfa'],
    ['/mixed', { scope: 'login mfa read' }, 'This needs one of the scopes: read:all, read:own.', 'read:all read:own'],
  ])('answers 403 at %s to %j, naming only what is missing', async (path, claims, detail, scope) => {
    const answer = await get(path, claims);
    expect(reasonOf(answer)).toBe('scope_missing');
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ detail });
    const challenge = 'Bearer error="insufficient_scope"';
    expect(answer.headers['www-authenticate']).toBe(scope === undefined ? challenge : `${challenge}, scope="${scope}"`);
    expect(crm.requests).toEqual([]);
  });
});
