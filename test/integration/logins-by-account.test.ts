import { Agent } from 'node:http';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
let auth: RecordingBackend;
let gateways: [TestGateway, TestGateway];

beforeAll(async () => {
  redis = await startRedis();
  // Knows everybody by one password, and takes its time, as password hashes do.
  auth = await startRecordingBackend((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    const takesMs = () => (body.includes('slow') ? 2000 : 20);
    req.on('end', () => setTimeout(() => res.writeHead(body.includes('"right"') ? 200 : 401).end(), takesMs()));
  });
  const start = () =>
    startGateway({
      upstreams: { auth: auth.port },
      routes: [{ path: '/login', upstream: 'auth', auth: 'none', countLoginFailures: true }],
      redisPort: redis.port,
      sections: { logins: { maxPerAccount: 8 }, addresses: { allow: ['192.0.2.99'] } },
    });
  gateways = [await start(), await start()];
});

afterAll(async () => {
  for (const gateway of gateways) await gateway.stop();
  await auth.stop();
  await redis.stop();
});

beforeEach(async () => {
  await redis.client.flushdb();
  auth.reset();
});

const OFFICE = '192.0.2.1';

interface Attempt {
  readonly password?: 'right' | 'wrong';
  readonly address?: string;
  readonly through?: 0 | 1;
  readonly agent?: Agent;
}

function login(email: unknown, { password = 'wrong', address = OFFICE, through = 0, agent }: Attempt = {}) {
  return call(`${gateways[through].url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
    body: JSON.stringify({ email, password }),
    ...(agent === undefined ? {} : { agent }),
  });
}

const statusesOf = async (answers: readonly Promise<Answer>[]) =>
  (await Promise.all(answers)).map(({ status }) => status).toSorted((a, b) => a - b);

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

describe('failed logins to one account', () => {
  it('get 429 after five, and only five of many at once reach the service', async () => {
    const statuses = await statusesOf(times(30, (i) => login('ada@example.com', { through: i % 2 === 0 ? 0 : 1 })));
    expect(statuses).toEqual([...times(5, () => 401), ...times(25, () => 429)]);
    expect(auth.requests).toHaveLength(5);
    const refused = await login('ada@example.com', { password: 'right' });
    expect(reasonOf(refused)).toBe('rate_limited_auth_failures');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(890);
    expect(JSON.parse(refused.body.toString()).detail).toBe('Too many failed logins to this account.');
  });

  it('take nothing from 200 others behind the same address', async () => {
    const attack = times(40, () => login('ada@example.com'));
    const good: number[] = [];
    for (let batch = 0; batch < 10; batch++) {
      const colleagues = times(20, (i) => login(`user-${batch}-${i}@example.com`, { password: 'right' }));
      good.push(...(await statusesOf(colleagues)));
    }
    expect(good).toEqual(times(200, () => 200));
    expect((await statusesOf(attack)).filter((status) => status === 401)).toHaveLength(5);
    expect(await redis.client.get(`psa:limit:login-failures:${OFFICE}`)).toBe('1');
  });

  it('are the same account however its name is typed', async () => {
    for (const name of [
      'ada@example.com',
      'Ada@Example.com',
      ' ada@example.com ',
      'ADA@EXAMPLE.COM',
      'ada@example.com',
    ]) {
      expect((await login(name)).status).toBe(401);
    }
    expect((await login('Ada@example.com')).status).toBe(429);
  });

  it('are slowed when they come from everywhere', async () => {
    const statuses: number[] = [];
    for (let host = 1; host <= 12; host++) {
      statuses.push((await login('ada@example.com', { address: `198.51.100.${host}` })).status);
    }
    expect(statuses).toEqual([...times(8, () => 401), ...times(4, () => 429)]);
    expect((await login('grace@example.com', { address: '198.51.100.99' })).status).toBe(401);
  });

  it("are not forgotten for an attacker's own success in between", async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      expect((await login('ada@example.com')).status).toBe(401);
      expect((await login('mallory@example.com', { password: 'right' })).status).toBe(200);
    }
    expect((await login('ada@example.com')).status).toBe(429);
  });
});

describe('the account of a login', () => {
  it('is found as well when its body comes in pieces', async () => {
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': OFFICE };
    const body = ['{"email":"ada@exa', 'mple.com","password":"wrong"}'].map((part) => Buffer.from(part));
    const send = () => call(`${gateways[0].url}/login`, { method: 'POST', headers, body });
    for (let attempt = 0; attempt < 5; attempt++) expect((await send()).status).toBe(401);
    expect((await send()).status).toBe(429);
    expect(auth.requests[4]?.body).toBe(Buffer.concat(body).toString());
    expect(await redis.client.get(`psa:limit:login-failures:${OFFICE}`)).toBe('1');
  });

  it('is not waited for: whoever sends it slowly is counted by address', async () => {
    const head = 'POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{';
    const socket = createConnection({ port: gateways[0].port, host: '127.0.0.1' }, () => socket.write(head));
    const isCounted = async () => (await redis.client.exists('psa:limit:anonymous:127.0.0.1')) === 1;
    await until('the login to be counted', isCounted);
    socket.destroy();
  });

  it('is not waited for where the client waits itself, for 100 Continue', async () => {
    const lines = ['Content-Type: application/json', 'Content-Length: 99', 'Expect: 100-continue'];
    const bytes = rawRequest({ method: 'POST', target: '/login', lines });
    const isBegun = (text: string) => text.includes('\r\n\r\n');
    const { text } = await sendRaw(gateways[0].port, bytes, { until: isBegun, silenceMs: 1500 });
    expect(text).toMatch(/^HTTP\/1\.1 100 /);
  });
});

describe('failed logins to many accounts', () => {
  it('shut out their address after five accounts', async () => {
    for (let index = 0; index < 5; index++) expect((await login(`user-${index}@example.com`)).status).toBe(401);
    const refused = await login('user-9@example.com', { password: 'right' });
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.body.toString()).detail).toBe('Too many failed logins from this address.');
    expect((await login('user-9@example.com', { password: 'right', address: '192.0.2.2' })).status).toBe(200);
  });

  it('shut out also an address that no other limit counts', async () => {
    const address = '192.0.2.99';
    for (let index = 0; index < 5; index++) await login(`user-${index}@example.com`, { address });
    expect((await login('user-9@example.com', { address })).status).toBe(429);
  });

  it('can be tried fifty at a time at most, also from many addresses of one network', async () => {
    const address = (i: number) => `2001:db8:1:2::${i.toString(16)}`;
    const statuses = await statusesOf(times(120, (i) => login(`slow-${i}@example.com`, { address: address(i) })));
    expect(statuses).toEqual([...times(50, () => 401), ...times(70, () => 429)]);
    expect(await redis.client.keys('psa:limit:login-account:*')).toHaveLength(auth.requests.length);
  });
});

describe('a login that succeeds', () => {
  it('leaves no count, and asks Redis twice', async () => {
    expect((await login('ada@example.com', { password: 'right' })).status).toBe(200);
    expect(await redis.client.keys('psa:limit:login-*')).toEqual([]);
    const before = await scriptCalls();
    await login('ada@example.com', { password: 'right' });
    expect((await scriptCalls()) - before).toBe(2);
  });

  it('reaches the service with its body as it was, also after a refusal on the same connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let attempt = 0; attempt < 6; attempt++) await login('ada@example.com', { agent });
    auth.reset();
    expect((await login('grace@example.com', { password: 'right', agent })).status).toBe(200);
    expect(auth.requests.map(({ body }) => body)).toEqual(['{"email":"grace@example.com","password":"right"}']);
    agent.destroy();
  });
});

describe('a body that names no account', () => {
  it.each([
    ['no JSON', 'email=ada'],
    ['a list', '["ada"]'],
    ['another type', '{"email":7}'],
    ['nothing', '{"email":" "}'],
    ['a body of its own', 'null'],
  ])('counts each failure for the address: %s', async (_what, body) => {
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': OFFICE };
    const send = () => call(`${gateways[0].url}/login`, { method: 'POST', headers, body });
    for (let attempt = 0; attempt < 5; attempt++) expect((await send()).status).toBe(401);
    expect((await send()).status).toBe(429);
  });

  it('counts so as well when it is too long, also in pieces', async () => {
    const long = JSON.stringify({ email: 'ada@example.com', padding: 'x'.repeat(20_000) });
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': OFFICE };
    const send = (body: string | Buffer[]) => call(`${gateways[0].url}/login`, { method: 'POST', headers, body });
    for (let attempt = 0; attempt < 3; attempt++) expect((await send(long)).status).toBe(401);
    for (let attempt = 0; attempt < 2; attempt++) expect((await send([Buffer.from(long)])).status).toBe(401);
    expect((await send(long)).status).toBe(429);
  });
});

/** How often Redis was asked to run a script. */
async function scriptCalls(): Promise<number> {
  const stats = await redis.client.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]);
}
