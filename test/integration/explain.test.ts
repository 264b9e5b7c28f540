import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { freePort } from '../support/free-port.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
let backend: RecordingBackend;
let gateway: TestGateway;
beforeAll(async () => {
  redis = await startRedis();
  backend = await startRecordingBackend();
});
afterAll(async () => {
  await backend.stop();
  await redis.stop();
});
afterEach(() => gateway.stop());

type Options = Partial<Parameters<typeof startGateway>[0]>;
const start = async (options: Options = {}) => {
  await redis.client.flushall();
  gateway = await startGateway({
    upstreams: { crm: backend.port },
    redisPort: redis.port,
    ...options,
    env: { TRUST_PROXY: 'loopback', ...options.env },
  });
};
const idOf = (answer: Answer) => String(answer.headers['x-request-id']);
const stored = (requestId: string) =>
  until('the entry in Redis', async () => (await redis.client.get(`psa:explain:${requestId}`)) ?? undefined);
const from = (address: string) => ({ 'x-forwarded-for': address });
const explained = async (requestId: string, headers: Record<string, string> = {}) => {
  await stored(requestId);
  return call(`${gateway.url}/api/v1/_explain/${requestId}`, { headers });
};
/** How often Redis was asked for an entry. */
const asked = async () => /cmdstat_get:calls=\d+/.exec(await redis.client.info('commandstats'))?.[0];
const entryOf = (answer: Answer) => JSON.parse(answer.body.toString()) as Record<string, unknown>;

describe('a refused request', () => {
  it('is explained to whoever made it: check, limits, what to do', async () => {
    await start({ env: { RATE_LIMIT_MAX_REQUESTS: '50' } });
    const refused = await call(`${gateway.url}/api/crm/companies?token=abc`);
    const answer = await explained(idOf(refused));
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(entryOf(answer)).toEqual({
      requestId: idOf(refused),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      method: 'GET',
      path: '/api/crm/companies',
      route: '/api/crm/*',
      status: 401,
      reason: 'auth_missing',
      detail: 'Send a token: `Authorization: Bearer <JWT>`.',
      whatHelps: 'Log in, then send `Authorization: Bearer <JWT>`.',
      client: '127.0.0.1',
      limits: [{ policy: 'anonymous', remaining: 49, resetSeconds: expect.any(Number) }],
    });
  });

  it('is kept for 15 minutes, without token and query', async () => {
    await start();
    const token = tokenFor({ exp: 1 });
    const path = `/api/crm/${token}?secret=hush&t=${token}`;
    const refused = await call(`${gateway.url}${path}`, { headers: bearer(token) });
    const text = await stored(idOf(refused));
    expect(text).not.toMatch(/eyJ|hush|secret/);
    expect(await redis.client.ttl(`psa:explain:${idOf(refused)}`)).toBeGreaterThan(890);
  });

  it('of a user is explained to that user alone, from anywhere', async () => {
    await start({ routes: [{ path: '/api/crm/*', upstream: 'crm', roles: ['admin'] }] });
    const refused = await call(`${gateway.url}/api/crm/x`, { headers: bearer() });
    expect(refused.status).toBe(403);
    const own = await explained(idOf(refused), { ...bearer(), ...from('198.51.100.7') });
    expect(entryOf(own)).toMatchObject({ reason: 'scope_missing', user: 'user-1' });
    expect(reasonOf(await explained(idOf(refused), bearer(tokenFor({ sub: 'user-2' }))))).toBe('route_not_found');
    expect(reasonOf(await explained(idOf(refused)))).toBe('route_not_found');
  });

  it('of an address is explained to no other address', async () => {
    await start();
    const refused = await call(`${gateway.url}/api/crm/x`, { headers: from('203.0.113.9') });
    expect(reasonOf(await explained(idOf(refused), from('203.0.113.10')))).toBe('route_not_found');
    expect((await explained(idOf(refused), from('203.0.113.9'))).status).toBe(200);
  });

  it('looks to strangers like one that never was', async () => {
    await start();
    const refused = await call(`${gateway.url}/api/crm/x`, { headers: from('203.0.113.9') });
    await stored(idOf(refused));
    const [foreign, unknown] = await Promise.all(
      [idOf(refused), 'f'.repeat(32)].map((id) => call(`${gateway.url}/api/v1/_explain/${id}`)),
    );
    const shape = (answer: Answer | undefined) => ({ ...entryOf(answer as Answer), instance: '', requestId: '' });
    expect(shape(foreign)).toEqual(shape(unknown));
  });

  it('because of a service tells how that was doing, and not where it is', async () => {
    const port = await freePort();
    await start({ upstreams: { crm: { url: `http://127.0.0.1:${port}` } } });
    const refused = await call(`${gateway.url}/open/crm/x`);
    const answer = await explained(idOf(refused));
    expect(entryOf(answer)).toMatchObject({
      reason: 'upstream_connect_failed',
      upstream: { name: 'crm', breaker: 'CLOSED', instances: { total: 1, healthy: 1 } },
    });
    expect(answer.body.toString()).not.toContain(String(port));
    expect(await stored(idOf(refused))).toContain(`http://127.0.0.1:${port}`);
  });
});

describe('explaining', () => {
  it('counts like a path that no route takes', async () => {
    await start({ env: { RATE_LIMIT_MAX_REQUESTS: '2' } });
    const url = `${gateway.url}/api/v1/_explain/${'a'.repeat(32)}`;
    const answers = [await call(url), await call(url), await call(url)];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 429]);
  });

  it.each(['..', 'short', 'x'.repeat(200), 'a*b*c*d*e', '%00%00%00%00%00%00%00%00'])(
    'takes no id such as %s to Redis',
    async (id) => {
      await start();
      const before = await asked();
      expect([400, 404]).toContain((await call(`${gateway.url}/api/v1/_explain/${id}`)).status);
      expect(await asked()).toBe(before);
    },
  );

  it('keeps so many a second, and a quarter of them for one client', async () => {
    await start({ sections: { explain: { entriesPerSecond: 8 } } });
    const flood = await Promise.all(Array.from({ length: 60 }, () => call(`${gateway.url}/api/crm/x`)));
    expect(flood.every(({ status }) => status === 401)).toBe(true);
    const refused = await call(`${gateway.url}/api/crm/x`, { headers: from('203.0.113.9') });
    await stored(idOf(refused));
    // The flood may have lasted from one second into the next.
    const kept = (await redis.client.keys('psa:explain:*')).length - 1;
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(kept).toBeLessThanOrEqual(4);
  });

  it('delays and fails nothing while Redis is away', async () => {
    await redis.client.flushall();
    gateway = await startGateway({ upstreams: { crm: backend.port } });
    const refused = await call(`${gateway.url}/api/crm/x`);
    expect(reasonOf(refused)).toBe('auth_missing');
    expect(reasonOf(await call(`${gateway.url}/api/v1/_explain/${idOf(refused)}`))).toBe('route_not_found');
  });

  it('does not ask a Redis that has stopped to answer', async () => {
    await start();
    const before = await asked();
    redis.freeze();
    // It is counted, so this is where the silence is noticed.
    await call(`${gateway.url}/api/crm/x`);
    expect((await call(`${gateway.url}/api/v1/_explain/${'a'.repeat(32)}`)).status).toBe(404);
    redis.thaw();
    expect(await asked()).toBe(before);
  });

  it('keeps an entry below 4 KiB, however long its parts are', async () => {
    await start({
      routes: [{ path: '/api/crm/*', upstream: 'crm', roles: Array.from({ length: 60 }, (_, i) => `rôle-${i}-«»`) }],
    });
    const token = tokenFor({ sub: '"ü€'.repeat(80), tenantId: '€'.repeat(255) });
    const refused = await call(`${gateway.url}/api/crm/${'%C3%BC'.repeat(500)}`, { headers: bearer(token) });
    expect(refused.status).toBe(403);
    expect(Buffer.byteLength(await stored(idOf(refused)))).toBeLessThan(4096);
  });
});
