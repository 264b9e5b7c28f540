import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** So late Redis answers the first gateway: time enough for a count that is not waited for to come too late. */
const REDIS_DELAY_MS = 25;

let redis: TestRedis;
let slowNetwork: RedisProxy;
let auth: RecordingBackend;
let gateways: [TestGateway, TestGateway];
/** Logins that the service has received and not answered; let go when there are as many as `together`. */
let waiting: (() => void)[] = [];
let together = 1;

const bodies: Record<string, string[]> = {
  small: ['{"error":', '"from the service"}'],
  big: ['x'.repeat(3_000_000)],
};

beforeAll(async () => {
  redis = await startRedis();
  slowNetwork = await startRedisProxy(redis.port);
  slowNetwork.delayAnswers(REDIS_DELAY_MS);
  auth = await startRecordingBackend((req, res) => {
    waiting.push(() => {
      res.statusCode = Number(req.headers['x-outcome']);
      // Without a Content-Length the end shows, so a client waits for it.
      for (const chunk of bodies[String(req.headers['x-body'])] ?? []) res.write(chunk);
      res.end();
    });
    if (waiting.length < together) return;
    for (const answer of waiting.splice(0)) answer();
  });
  const common = {
    upstreams: { auth: auth.port },
    routes: [
      { path: '/login', upstream: 'auth', auth: 'none', countLoginFailures: true },
      { path: '/other', upstream: 'auth', auth: 'none' },
      { path: '/private', upstream: 'auth', countLoginFailures: true },
    ],
  };
  gateways = [
    await startGateway({ ...common, redisPort: slowNetwork.port }),
    await startGateway({ ...common, redisPort: redis.port }),
  ];
});

afterAll(async () => {
  for (const gateway of gateways) await gateway.stop();
  await auth.stop();
  await slowNetwork.stop();
  await redis.stop();
});

beforeEach(async () => {
  await redis.client.flushdb();
  auth.reset();
});

afterEach(() => {
  together = 1;
  waiting = [];
});

const [slow, fast] = [0, 1] as const;

/** One login through a gateway; the service's answer is given. */
function login(
  outcome: number,
  { through = fast as 0 | 1, address = '192.0.2.1', path = '/login', body = 'small' } = {},
) {
  const headers = { 'x-outcome': String(outcome), 'x-body': body, 'x-forwarded-for': address };
  return call(gateways[through].url + path, { method: 'POST', headers });
}

async function fail(times: number, options: Parameters<typeof login>[1] = {}): Promise<void> {
  for (let attempt = 0; attempt < times; attempt++) expect((await login(401, options)).status).toBe(401);
}

describe('failed logins', () => {
  it("pass on the service's answer five times, then get 429 with Retry-After, and reach the service no more", async () => {
    await fail(5);
    auth.reset();
    const refused = await login(200);
    expect(refused.status).toBe(429);
    expect(reasonOf(refused)).toBe('rate_limited_auth_failures');
    const retryAfter = Number(refused.headers['retry-after']);
    expect(retryAfter).toBeGreaterThan(890);
    expect(retryAfter).toBeLessThanOrEqual(900);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ retryAfter });
    expect(auth.requests).toEqual([]);
  });

  it('are counted before the client has the answer, also for an attempt that meets another gateway', async () => {
    for (const address of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) {
      await fail(4, { address });
      await fail(1, { address, through: slow });
      expect((await login(401, { address, through: fast })).status).toBe(429);
    }
  });

  it('are counted first also when Redis takes its time with that alone', async () => {
    together = 2;
    const headers = { 'x-outcome': '401', 'x-body': 'small', 'x-forwarded-for': '192.0.2.1' };
    // There as soon as the head is, which tells a client enough.
    const answer = fetch(`${gateways[fast].url}/login`, { method: 'POST', headers });
    const answerIt = await until('the login at the service', () => waiting.splice(0)[0]);
    // What only reads is answered meanwhile.
    await redis.client.call('CLIENT', 'PAUSE', '1000', 'WRITE');
    answerIt();
    // Well within the time that a count may take.
    setTimeout(() => void redis.client.call('CLIENT', 'UNPAUSE'), 30);
    expect((await answer).status).toBe(401);
    expect(await redis.client.get('psa:limit:login-failures:192.0.2.1')).toBe('1');
  });

  it('are counted once each, through whichever gateway they come', async () => {
    for (const [through, count] of [
      [slow, 1],
      [fast, 2],
      [fast, 3],
      [slow, 4],
      [fast, 5],
    ] as const) {
      await fail(1, { through });
      expect(await redis.client.get('psa:limit:login-failures:192.0.2.1')).toBe(String(count));
    }
    expect((await login(200, { through: slow })).status).toBe(429);
    expect((await login(200, { through: fast })).status).toBe(429);
    expect(await redis.client.get('psa:limit:login-failures:192.0.2.1')).toBe('5');
  });

  it('of one address do not matter to another', async () => {
    await fail(5);
    expect((await login(401)).status).toBe(429);
    expect((await login(200, { address: '192.0.2.2' })).status).toBe(200);
  });

  it('of one IPv6 network count together', async () => {
    for (const host of [1, 2, 3, 4, 5]) await fail(1, { address: `2001:db8::${host}` });
    expect((await login(200, { address: '2001:db8::6' })).status).toBe(429);
  });

  it("are not forgotten for an attacker's own success in between", async () => {
    await fail(4);
    expect((await login(200)).status).toBe(200);
    await fail(1);
    expect((await login(200)).status).toBe(429);
  });

  it('do not stand in the way of other requests of the address', async () => {
    await fail(5);
    expect((await login(200, { path: '/other' })).status).toBe(200);
  });

  it.each(Object.entries(bodies))(
    'come through whole with a %s body, however long the count takes',
    async (body, chunks) => {
      for (const through of [slow, fast]) {
        const answer = await login(401, { through, body });
        expect(answer).toMatchObject({ status: 401, failure: undefined });
        expect(answer.body.toString() === chunks.join('')).toBe(true);
      }
    },
  );
});

describe('logins that do not fail', () => {
  it('do not count: 12 at once all pass, though the limit is 5', async () => {
    await fail(4);
    together = 12;
    const answers = await Promise.all(Array.from({ length: 12 }, () => login(200)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
  });

  it.each([200, 201, 204, 302, 400, 403, 404, 422, 429, 500])('do not count: %i', async (outcome) => {
    for (let attempt = 0; attempt < 6; attempt++) expect((await login(outcome)).status).toBe(outcome);
    expect(await redis.client.keys('psa:limit:login-failures:*')).toEqual([]);
  });

  it('do not count: a 401 of the gateway itself, or of a route that is no login', async () => {
    for (let attempt = 0; attempt < 6; attempt++) {
      expect((await login(401, { path: '/private' })).status).toBe(401);
      expect((await login(401, { path: '/other' })).status).toBe(401);
    }
    expect(await redis.client.keys('psa:limit:login-failures:*')).toEqual([]);
  });
});
