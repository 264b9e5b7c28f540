import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { bearer } from '../support/gateway.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { identitySpellings } from '../support/identity-spellings.ts';
import { chunked, rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';

let front: GatewayWithBackend;

async function start(options: { isBehindNginx?: boolean } = {}) {
  const headers = {
    'X-User-Id': 'sub',
    'X-User-Email': 'email',
    'X-User-Roles': 'roles',
    'X-Tenant-Id': 'tenantId',
    'Remote-User': 'sub',
  };
  front = await startGatewayWithBackend({ identity: { headers }, ...options });
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];
const forged = 'forged-identity';
const token = `Authorization: ${bearer().authorization}`;
const own = {
  'x-user-id': ['user-1'],
  'x-user-roles': ['agent'],
  'x-tenant-id': ['tenant-1'],
  'remote-user': ['user-1'],
};

async function receivedAfter(bytes: string, { toHead = false } = {}) {
  front.backend.reset();
  const { answers } = await front.exchange(bytes, { toHead });
  expect(answers.map(({ status }) => status)).toEqual([200]);
  await until('the request at the backend', () => front.backend.requests.length > 0);
  expect(front.backend.requests).toHaveLength(1);
  const raw = front.backend.rawBytes().join('');
  expect(raw).toContain('x-request-id: ');
  expect(raw).not.toContain(forged);
  return front.backend.requests[0]?.headers ?? {};
}

describe.each([false, true])('behind nginx: %p', (isBehindNginx) => {
  beforeAll(() => start({ isBehindNginx }));
  afterAll(() => front.stop());
  beforeEach(() => front.backend.reset());

  describe.each(identitySpellings)('a client that sends %s', (name) => {
    it.each(methods)(
      'gives nobody an identity on a public route, and changes none on a protected one: %s',
      async (method) => {
        const lines = [`${name}: ${forged}`, `${name}: ${forged}-again`];
        const toHead = method === 'HEAD';
        const anonymous = await receivedAfter(rawRequest({ method, lines }), { toHead });
        for (const header of Object.keys(own)) expect(anonymous).not.toHaveProperty(header);
        const target = '/api/crm/x';
        const known = await receivedAfter(rawRequest({ method, target, lines: [token, ...lines] }), { toHead });
        expect(known).toMatchObject(own);
      },
    );

    it('gets nothing through with Expect, Connection, a trailer, or a token on a public route', async () => {
      const target = '/api/crm/x';
      const line = `${name}: ${forged}`;
      const expecting = ['Expect: 100-continue', token, line];
      expect(await receivedAfter(rawRequest({ method: 'POST', target, lines: expecting, body: 'abc' }))).toMatchObject(
        own,
      );
      const named = [`Connection: close, ${name}, x-user-id, X-User-Roles, x-tenant-id, remote-user`, token, line];
      expect(await receivedAfter(rawRequest({ target, lines: named }))).toMatchObject(own);
      const trailing = ['Transfer-Encoding: chunked', `Trailer: ${name}`, token];
      const body = chunked('abc').replace(/\r\n$/, `${line}\r\n\r\n`);
      expect(await receivedAfter(rawRequest({ method: 'POST', target, lines: trailing }) + body)).toMatchObject(own);
      expect(await receivedAfter(rawRequest({ lines: [token, line] }))).toMatchObject(own);
    });
  });

  describe('headers of one connection', () => {
    const hopByHop = [
      'Keep-Alive: timeout=9',
      'Proxy-Authorization: Basic abc',
      'Proxy-Authenticate: Basic',
      'Proxy-Connection: keep-alive',
      'TE: trailers',
      'Trailer: X-Late',
      'Upgrade: websocket',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
      'Expect: 100-continue',
      'Keep_Alive: timeout=9',
      'Transfer_Encoding: chunked',
      'Content_Length: 0',
      'Proxy: http://evil.test',
    ];

    it.each(hopByHop)('end at the gateway: %s', async (line) => {
      const headers = await receivedAfter(rawRequest({ method: 'POST', lines: [line], body: 'abc' }));
      const name = line.slice(0, line.indexOf(':')).toLowerCase();
      expect(headers).not.toHaveProperty(name);
    });

    it('can not take the length of a body away', async () => {
      const lines = ['Connection: Content-Length, Host, X-Request-Id, X-Forwarded-For', 'X-One: 1'];
      const headers = await receivedAfter(rawRequest({ method: 'POST', lines, body: 'abc' }));
      expect(front.backend.requests[0]?.body).toBe('abc');
      for (const name of ['host', 'x-request-id', 'x-forwarded-for']) expect(headers).toHaveProperty(name);
    });

    it.each(['websocket', 'h2c', 'TLS/1.0'])('ask for no other protocol at the upstream: %s', async (protocol) => {
      const lines = ['Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAAQAAP__'];
      const headers = await receivedAfter(rawRequest({ lines }));
      expect(headers.connection).toEqual(['keep-alive']);
      for (const name of ['upgrade', 'http2-settings']) expect(headers).not.toHaveProperty(name);
    });
  });

  describe('headers with which a service would serve another request than the one that was allowed', () => {
    it.each(['X-Original-URL', 'X_Rewrite_URL', 'X-HTTP-Method', 'X-HTTP-Method-Override', 'x.method.override'])(
      'end at the gateway: %s',
      async (name) => {
        await receivedAfter(rawRequest({ lines: [`${name}: ${forged}`] }));
      },
    );
  });
});

describe('directly', () => {
  beforeAll(() => start());
  afterAll(() => front.stop());
  beforeEach(() => front.backend.reset());

  it('headers that Connection names end at the gateway, in any case, in any number of lines', async () => {
    const lines = [
      'Connection: X-One, x-TWO ,,',
      'connection:X-Three',
      'X-One: 1',
      'X-Two: 2',
      'X-Three: 3',
      'X-Four: 4',
    ];
    const headers = await receivedAfter(rawRequest({ lines }));
    expect(headers).toMatchObject({ 'x-four': ['4'], connection: ['keep-alive'] });
    for (const name of ['x-one', 'x-two', 'x-three']) expect(headers).not.toHaveProperty(name);
  });

  it('headers that ask for another protocol end the connection, because the parser skips what came with them', async () => {
    const upgrade = rawRequest({ lines: ['Connection: Upgrade', 'Upgrade: websocket'] });
    const { answers, isClosed } = await front.exchange(upgrade + rawRequest(), { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    expect(answers).toHaveLength(1);
    expect(answers[0]).toMatchObject({ status: 200, headers: { connection: 'close' } });
  });

  it('other headers pass, also with names that objects have, and with bytes beyond ASCII', async () => {
    const lines = [
      'Constructor: a',
      'toString: b',
      '__proto__: c',
      'hasOwnProperty: d',
      'X-Name: Zo\xeb',
      'User-Agent: x',
    ];
    const headers = await receivedAfter(rawRequest({ lines }));
    expect(headers).toMatchObject({ constructor: ['a'], tostring: ['b'], hasownproperty: ['d'], 'x-name': ['Zo\xeb'] });
    expect(Object.hasOwn(headers, '__proto__')).toBe(false);
    expect((await front.exchange(rawRequest())).answers[0]?.status).toBe(200);
  });
});
