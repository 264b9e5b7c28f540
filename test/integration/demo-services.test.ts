import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { refreshSessions } from '../../demo/services/auth/refresh-sessions.ts';
import { type RunningService, type ServiceName, startService } from '../../demo/services/start-service.ts';
import { publishedKey, signAssertion } from '../../src/auth/sign-assertion.ts';
import { type KeyServer, startKeyServer } from '../support/key-server.ts';
import { until } from '../support/until.ts';
import { openSocket, tryToOpen } from '../support/websocket-client.ts';

const tokens = {
  signingSecret: 'demo-services-test-secret-of-40-bytes-xx',
  issuer: 'psa-auth',
  audience: 'psa-api',
};
const ben = {
  'x-user-id': 'user-ben',
  'x-tenant-id': 'brightpath',
  'x-user-roles': 'manager,field%2C%20agent',
};
const dmitri = { 'x-user-id': 'user-dmitri', 'x-tenant-id': 'kestrel' };
const adaLogin = { email: 'ada@brightpath.example', password: 'demo-only-ada-admin' };

const running: RunningService[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()));
});

interface CallOptions {
  method?: string;
  json?: unknown;
  headers?: Record<string, string>;
}

/** A service on a free port, and how to call it and its control listener. */
async function started(service: ServiceName, { keysUrl }: { keysUrl?: URL } = {}) {
  const handle = await startService({ service, port: 0, host: '127.0.0.1', controlPort: 0, tokens, keysUrl });
  running.push(handle);
  return { call: caller(handle.port), control: caller(handle.controlPort ?? 0), handle };
}

function caller(port: number) {
  return async function call(path: string, { method, json, headers }: CallOptions = {}) {
    const body = json === undefined ? null : typeof json === 'string' ? json : JSON.stringify(json);
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: method ?? (body === null ? 'GET' : 'POST'),
      headers: { ...(body === null ? {} : { 'content-type': 'application/json' }), ...headers },
      body,
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? null : JSON.parse(text),
    };
  };
}

describe('the auth service', () => {
  it('exchanges right credentials for an HS256 token with the claims that the gateway needs', async () => {
    const { call } = await started('auth');
    const { status, body } = await call('/login', { json: { ...adaLogin, email: 'ADA@brightpath.example' } });
    expect(status).toBe(200);
    const { issuer, audience, signingSecret } = tokens;
    const claims = jwt.verify(body.accessToken, signingSecret, { issuer, audience, algorithms: ['HS256'] });
    const expected = { sub: 'user-ada', email: adaLogin.email, roles: ['admin'], tenantId: 'brightpath' };
    expect(claims).toMatchObject({ ...expected, jti: expect.any(String) });
    const { exp = 0, iat = 0 } = claims as jwt.JwtPayload;
    expect(exp - iat).toBe(900);
  });

  it('answers a wrong password and an unknown address alike', async () => {
    const { call } = await started('auth');
    const wrong = await call('/login', { json: { ...adaLogin, password: 'guess' } });
    const unknown = await call('/login', { json: { ...adaLogin, email: 'nobody@brightpath.example' } });
    expect(wrong).toMatchObject({ status: 401, body: { title: 'Unauthorized', status: 401 } });
    expect([unknown.status, unknown.body]).toEqual([wrong.status, wrong.body]);
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('rotates refresh tokens, and ends the session when a used one comes back', async () => {
    const { call } = await started('auth');
    const refresh = (refreshToken: string) => call('/refresh', { json: { refreshToken } });
    const first = (await call('/login', { json: adaLogin })).body.refreshToken;
    const second = await refresh(first);
    expect(second).toMatchObject({ status: 200, body: { tokenType: 'Bearer', expiresInSeconds: 900 } });
    expect((await refresh(first)).status).toBe(401);
    expect((await refresh(second.body.refreshToken)).status).toBe(401);
  });

  it('refuses a refresh token after 30 days', () => {
    let nowMs = 0;
    const sessions = refreshSessions(() => nowMs);
    const token = sessions.open('user-ada');
    nowMs = 30 * 24 * 3_600_000;
    expect(sessions.rotate(token)).toBeNull();
  });

  it('registers a user once, alone in a new tenant and without rights', async () => {
    const { call } = await started('auth');
    const json = { email: 'eva@example.com', name: 'Eva Lang', password: 'demo-only-eva-password' };
    const answers = await Promise.all([call('/register', { json }), call('/register', { json })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    const eva = answers.find(({ status }) => status === 201)?.body;
    expect(eva).toMatchObject({ roles: ['client'], tenantId: expect.stringMatching(/^tenant-/) });
    expect((await call('/login', { json: { email: json.email, password: json.password } })).status).toBe(200);
    expect((await call('/me', { headers: { 'x-user-id': eva.id } })).body).toEqual(eva);
  });

  it('answers 202 to a forgotten password, whoever asks', async () => {
    const { call } = await started('auth');
    const known = await call('/forgot-password', { json: { email: adaLogin.email } });
    const unknown = await call('/forgot-password', { json: { email: 'nobody@example.com' } });
    expect([known.status, known.body]).toEqual([202, unknown.body]);
    expect(unknown.status).toBe(202);
  });

  it('does not start without token settings', async () => {
    await expect(startService({ service: 'auth', port: 0, host: '127.0.0.1' })).rejects.toThrow('token settings');
  });
});

describe('the CRM service', () => {
  it('searches and pages the companies of the tenant', async () => {
    const { call } = await started('crm');
    const all = await call('/companies?page=2&pageSize=2', { headers: ben });
    expect(all.body).toMatchObject({ page: 2, pageSize: 2, total: 3, items: [{ id: 'lindqvist' }] });
    const found = await call('/companies?q=ACME', { headers: ben });
    expect(found.body).toMatchObject({ total: 1, items: [{ id: 'acme' }] });
    const tooLarge = await call('/companies?pageSize=101', { headers: ben });
    expect(tooLarge).toMatchObject({ status: 400, body: { errors: [{ at: 'query.pageSize' }] } });
  });

  it("answers 404 for another tenant's company, whatever the method", async () => {
    const { call } = await started('crm');
    for (const method of ['GET', 'DELETE']) {
      expect((await call('/companies/acme', { method, headers: dmitri })).status).toBe(404);
    }
    expect((await call('/companies/acme', { method: 'PATCH', json: {}, headers: dmitri })).status).toBe(404);
    expect((await call('/companies/acme', { headers: ben })).status).toBe(200);
  });

  it('creates, changes, replaces and deletes', async () => {
    const { call } = await started('crm');
    const headers = { ...ben, 'x-forwarded-prefix': '/api/v1/crm' };
    const made = await call('/companies', { json: { name: 'Nordlys' }, headers });
    const path = `/companies/${made.body.id}`;
    expect(made).toMatchObject({
      status: 201,
      body: { status: 'prospect', city: null, tenantId: 'brightpath' },
    });
    expect(made.headers.get('location')).toBe(`/api/v1/crm${path}`);
    const changed = await call(path, { method: 'PATCH', json: { city: 'Oslo' }, headers });
    expect(changed.body).toMatchObject({ name: 'Nordlys', city: 'Oslo' });
    const fields = { name: 'Nordlys AS', industry: null, city: null, status: 'active' };
    expect((await call(path, { method: 'PUT', json: fields, headers })).body).toMatchObject(fields);
    expect((await call(path, { method: 'DELETE', headers })).status).toBe(204);
    expect((await call(path, { headers })).status).toBe(404);
  });

  it('keeps a company that has contacts, and a contact out of a company that is not there', async () => {
    const { call } = await started('crm');
    const refused = await call('/companies/acme', { method: 'DELETE', headers: ben });
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('2 contact(s)') } });
    const json = { companyId: 'meridian', name: 'Eva Lang', email: 'eva@example.com' };
    const contact = await call('/contacts', { json, headers: ben });
    expect(contact).toMatchObject({ status: 400, body: { errors: [{ at: 'body.companyId' }] } });
  });
});

describe('the tickets service', () => {
  it('lists by status and text, and opens a ticket in the name of the caller', async () => {
    const { call } = await started('tickets');
    const found = await call('/?status=waiting&q=vpn', { headers: ben });
    expect(found.body).toMatchObject({ total: 1, items: [{ id: '43' }] });
    const made = await call('/', { json: { subject: 'Screen flickers' }, headers: ben });
    expect(made).toMatchObject({ status: 201, body: { id: '100', requesterId: 'user-ben', status: 'open' } });
    expect(made.headers.get('location')).toBe('/100');
  });

  it("tells a tenant's tickets as they change to those who listen at /live, and to nobody else", async () => {
    const { call, handle } = await started('tickets');
    const url = `http://127.0.0.1:${handle.port}/live`;
    const [own, other] = [await openSocket(url, { headers: ben }), await openSocket(url, { headers: dmitri })];
    await call('/', { json: { subject: 'Screen flickers' }, headers: ben });
    await call('/100', { method: 'PATCH', json: { priority: 'high' }, headers: ben });
    await until('two messages', () => own.messages.length === 2);
    const told = own.messages.map((message) => JSON.parse(message).ticket);
    expect(told).toMatchObject([
      { id: '100', priority: 'normal' },
      { id: '100', priority: 'high' },
    ]);
    expect(other.messages).toEqual([]);
    expect(await tryToOpen(url)).toMatchObject({ status: 401 });
    expect(await tryToOpen(`${url}/x`, { headers: ben })).toMatchObject({ status: 404 });
    await handle.close();
    expect([await own.closed, await other.closed]).toEqual([1001, 1001]);
  });

  it('moves a ticket along the flow, and names the moves that are allowed when one is not', async () => {
    const { call } = await started('tickets');
    const move = (status: string) => call('/41/status', { json: { status }, headers: ben });
    const refused = await move('closed');
    expect(refused).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('allowed: in_progress.') },
    });
    for (const status of ['in_progress', 'waiting', 'resolved', 'closed']) {
      expect(await move(status)).toMatchObject({ status: 200, body: { status } });
    }
    expect((await move('open')).body.detail).toContain('allowed: nothing');
  });

  it('assigns a ticket, changes it, and keeps its comments with their author', async () => {
    const { call } = await started('tickets');
    const assigned = await call('/41/assignee', {
      method: 'PUT',
      json: { userId: 'user-ben' },
      headers: ben,
    });
    expect(assigned.body.assigneeId).toBe('user-ben');
    const changed = await call('/41', { method: 'PATCH', json: { priority: 'urgent' }, headers: ben });
    expect(changed.body).toMatchObject({ priority: 'urgent', assigneeId: 'user-ben' });
    const comment = await call('/42/comments', { json: { text: 'Done.' }, headers: ben });
    const author = { id: 'user-ben', email: null, roles: ['manager', 'field, agent'] };
    expect(comment).toMatchObject({ status: 201, body: { author } });
    expect((await call('/42/comments', { headers: ben })).body).toMatchObject({
      total: 2,
      items: [{}, { author }],
    });
    expect((await call('/42/comments', { headers: dmitri })).status).toBe(404);
  });
});

describe('a sample service that knows the keys of the gateway', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const settings = { issuer: 'psa-api-gateway', ttlSeconds: 60, audiences: {} };
  const assertion = ({ userId = 'user-ben', service = 'tickets', key = privateKey } = {}) => {
    const caller = { userId, tenantId: 'brightpath', roles: ['manager'], scopes: [], headers: [] };
    const credential = { kind: 'token', jti: undefined, issuedAtSeconds: undefined } as const;
    return {
      'x-gateway-assertion': signAssertion({ settings: { ...settings, keys: [key] }, now: Date.now })(
        { ...caller, credential },
        service,
      ),
    };
  };
  let gateway: KeyServer;
  beforeAll(async () => {
    gateway = await startKeyServer({ jwk: { ...publishedKey(privateKey) } });
  });
  afterAll(() => gateway.stop());
  const startedWithKeys = () => started('tickets', { keysUrl: new URL(gateway.jwksUrl) });

  it('believes what the gateway has signed for it, and shows it at /echo', async () => {
    const { call } = await startedWithKeys();
    const signed = { ...ben, ...assertion() };
    expect((await call('/', { headers: signed })).status).toBe(200);
    expect((await call('/echo', { headers: signed })).body.assertion).toMatchObject({
      iss: 'psa-api-gateway',
      aud: 'tickets',
      sub: 'user-ben',
      tenantId: 'brightpath',
    });
    expect((await call('/healthz')).status).toBe(200);
  });

  it.each([
    ['has no signature', {}, 'is missing'],
    ['has one about somebody else', assertion({ userId: 'user-carla' }), 'is about somebody else'],
    ['has one for another service', assertion({ service: 'crm' }), 'does not hold'],
    ['has one of another key', assertion({ key: generateKeyPairSync('ed25519').privateKey }), 'does not hold'],
    ['has none at all behind the name', { 'x-gateway-assertion': 'x.y.z' }, 'does not hold'],
  ])('answers 401 to who names itself and %s, WebSockets too', async (_what, headers, why) => {
    const { call, handle } = await startedWithKeys();
    const { status, body } = await call('/', { headers: { ...ben, ...headers } });
    expect([status, body.detail]).toEqual([401, expect.stringContaining(`X-Gateway-Assertion ${why}`)]);
    const url = `http://127.0.0.1:${handle.port}/live`;
    expect(await tryToOpen(url, { headers: { ...ben, ...headers } })).toMatchObject({ status: 401 });
    const own = await openSocket(url, { headers: { ...ben, ...assertion() } });
    own.ws.terminate();
  });
});

describe('every sample service', () => {
  it.each([
    ['auth', '/me'],
    ['crm', '/contacts'],
    ['tickets', '/'],
  ] as const)('%s answers 401 without the identity headers', async (service, path) => {
    const { call } = await started(service);
    const { status, headers, body } = await call(path);
    expect([status, headers.get('content-type')]).toEqual([401, 'application/problem+json; charset=utf-8']);
    expect(body.detail).toContain('X-User-Id');
  });

  it('names what is wrong with a request, and what was expected', async () => {
    const { call } = await started('tickets');
    const headers = ben;
    expect(await call('/', { json: '{"subject":', headers })).toMatchObject({
      status: 400,
      body: { status: 400 },
    });
    expect((await call('/', { json: { subject: 'x'.repeat(110_000) }, headers })).status).toBe(413);
    const text = await call('/', { json: {}, headers: { ...headers, 'content-type': 'text/plain' } });
    expect([text.status, text.body.detail]).toEqual([415, expect.stringContaining('application/json')]);
    const { body } = await call('/', { json: { subject: 7, state: 'open' }, headers });
    expect(body.errors).toEqual([
      { at: 'body.subject', detail: expect.stringContaining('expected string') },
      { at: 'body', detail: 'Unknown: state; expected only: subject, description, priority, companyId' },
    ]);
    const notAllowed = await call('/42', { method: 'DELETE', headers });
    expect([notAllowed.status, notAllowed.headers.get('allow')]).toEqual([405, 'GET, HEAD, PATCH']);
    expect((await call('/42/nothing', { headers })).body.detail).toContain('/{id}/comments');
    expect((await call('/healthz')).body).toMatchObject({ status: 'healthy', service: 'tickets' });
  });

  it('echoes the headers that it received, as they were spelled', async () => {
    const { call } = await started('crm');
    const { body } = await call('/echo?a=1', { headers: { 'X-User-Id': 'x' } });
    expect(body).toMatchObject({ method: 'GET', path: '/echo?a=1' });
    expect(body.headers).toContainEqual(['X-User-Id', 'x']);
  });

  it.each(['auth', 'crm', 'tickets'] as const)('%s serves every operation that its OpenAPI lists', async (service) => {
    const { call } = await started(service);
    const { openapi, paths, components } = (await call('/openapi.json')).body;
    expect(openapi).toBe('3.1.0');
    for (const [path, operations] of Object.entries<Record<string, { responses: object }>>(paths)) {
      for (const [method, { responses }] of Object.entries(operations)) {
        const json = method === 'get' || method === 'delete' ? undefined : {};
        const id = path.includes('companies') ? 'acme' : path.includes('contacts') ? 'tom-becker' : '42';
        const { status, body } = await call(path.replace('{id}', id), {
          method: method.toUpperCase(),
          json,
          headers: ben,
        });
        expect(Object.keys(responses)).toContain(String(status));
        expect(body?.detail ?? '').not.toContain('There is nothing at');
      }
    }
    const refs = [...JSON.stringify(paths).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(refs));
  });
});

describe('the control listener', () => {
  it('makes the share of requests fail that it was told, then behaves again, and counts them all', async () => {
    const { call, control } = await started('crm');
    await control('/faults', { method: 'PUT', json: { status: 503, failureRatio: 0.5 } });
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await call('/healthz')).status);
    expect(statuses).toEqual([200, 503, 200, 503]);
    expect((await control('/faults', { method: 'DELETE' })).status).toBe(204);
    expect((await control('/faults')).body).toEqual({ fault: null });
    expect((await call('/healthz')).status).toBe(200);
    expect((await control('/calls')).body).toEqual({ total: 5, byRequest: { 'GET /healthz': 5 } });
    expect((await call('/faults')).status).toBe(404);
  });

  it('resets, delays and hangs', async () => {
    const { call, control, handle } = await started('crm');
    const fault = (json: object) => control('/faults', { method: 'PUT', json });
    await fault({ reset: true });
    await expect(call('/healthz')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    await fault({ headDelayMs: 60 });
    const startedAt = performance.now();
    expect((await call('/healthz')).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
    await fault({ hang: true });
    const signal = AbortSignal.timeout(100);
    await expect(fetch(`http://127.0.0.1:${handle.port}/healthz`, { signal })).rejects.toThrow('timeout');
  });

  it('refuses a fault that it does not know, or two at once', async () => {
    const { control } = await started('crm');
    const unknown = await control('/faults', { method: 'PUT', json: { crash: true } });
    expect(unknown.body.errors[0].detail).toContain('Unknown: crash; expected only: headDelayMs, status');
    expect((await control('/faults', { method: 'PUT', json: { hang: true, reset: true } })).status).toBe(400);
  });
});

describe('serve.ts', () => {
  const env = {
    PATH: process.env.PATH,
    JWT_SECRET: tokens.signingSecret,
    JWT_ISSUER: 'i',
    JWT_AUDIENCE: 'a',
  };

  function serve(args: readonly string[], settings: NodeJS.ProcessEnv = env) {
    return spawn(process.execPath, ['demo/services/serve.ts', ...args], { env: settings });
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('prints one JSON line when it listens, and exits 0 on %s', async (signal) => {
    const child = serve(['auth', '--port', '0', '--control-port', '0']);
    const [line] = await once(createInterface(child.stdout), 'line');
    const { port, controlPort, ...rest } = JSON.parse(line);
    expect(rest).toEqual({ service: 'auth', pid: child.pid });
    expect((await caller(port)('/healthz')).status).toBe(200);
    expect((await caller(controlPort)('/calls')).body.total).toBe(1);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it.each([
    [['billing'], env, 'auth, crm, tickets'],
    [['crm', '--prot', '1'], env, '--control-port N'],
    [['crm', '--port', '70000'], env, '65535'],
    [['auth'], { ...env, JWT_SECRET: undefined }, 'JWT_SECRET is missing'],
    [['auth'], { ...env, JWT_SECRET: `${tokens.signingSecret},short` }, '32 bytes'],
    [['crm'], { ...env, GATEWAY_KEYS_URL: 'here' }, 'http://localhost:3000/.well-known/jwks.json'],
  ])('exits 64 and says what was expected: %j', async (args, settings, expected) => {
    const child = serve(args, settings);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    expect(await once(child, 'close')).toEqual([64, null]);
    expect(stderr).toContain(expected);
  });
});
