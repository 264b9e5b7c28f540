import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { quickest } from '../support/quickest.ts';
import { rateLimitFields } from '../support/rate-limit-fields.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedisProxy } from '../support/redis-proxy.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const limit = 100;

/** A worker asks Redis at least once a second whether a client is still over its limit. The rest is for a busy machine. */
const LET_IN_MS = 1000 + 500;

let redis: TestRedis;
let crm: RecordingBackend;
let gateways: TestGateway[];

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  const env = { RATE_LIMIT_MAX_REQUESTS: String(limit), USER_RATE_LIMIT_MAX: String(limit) };
  // Some hundred requests at a time, in one process with whom they are of and whom they are for: it may well come late.
  const upstreams = { crm: { url: `http://127.0.0.1:${crm.port}`, concurrency: { adaptive: false } } };
  const start = () => startGateway({ upstreams, server: { maxLagMs: 60_000 }, redisPort: redis.port, env });
  gateways = [await start(), await start()];
});

afterAll(async () => {
  for (const gateway of gateways) await gateway.stop();
  await crm.stop();
  await redis.stop();
});

/** Asks one of the two gateways, in turn, as if through a proxy that stands in front of this address. */
async function ask(path: string, { address = '192.0.2.1', turn = 0, authorization = '' } = {}): Promise<Answer> {
  const headers = { 'x-forwarded-for': address, ...(authorization === '' ? {} : { authorization }) };
  const answer = await call(`${gateways[turn % gateways.length]?.url}${path}`, { headers });
  if (answer.failure !== undefined) throw new Error(answer.failure);
  return answer;
}

/** Asks so often at once, and counts the answers by status. */
async function flood(count: number, request: (turn: number) => Promise<Answer>): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: count }, (_, turn) => request(turn)));
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const user = (sub: string) => bearer(tokenFor({ sub })).authorization;

describe('the limits', () => {
  it('let exactly the limit of a user pass, of 300 requests at once through two gateways', async () => {
    const authorization = user('busy');
    expect(await flood(300, (turn) => ask('/api/crm/x', { turn, authorization }))).toEqual({ 200: 100, 429: 200 });
  });

  it('let exactly the limit of an address pass, of 300 requests at once through two gateways', async () => {
    const request = (turn: number) => ask('/open/crm/x', { turn, address: '192.0.2.2' });
    expect(await flood(300, request)).toEqual({ 200: 100, 429: 200 });
  });

  it('take 500 addresses of one IPv6 /64 for one client', async () => {
    const request = (turn: number) => ask('/open/crm/x', { turn, address: `2001:db8:1:2::${turn.toString(16)}` });
    expect(await flood(500, request)).toEqual({ 200: 100, 429: 400 });
    expect((await ask('/open/crm/x', { address: '2001:db8:1:ff::1' })).status).toBe(429);
    expect((await ask('/open/crm/x', { address: '2001:db8:1:100::1' })).status).toBe(200);
  });

  it('take 500 IPv4 addresses for 500 clients, in whichever notation they come', async () => {
    const notations = [
      (b: number, c: number) => `10.77.${b}.${c}`,
      (b: number, c: number) => `::ffff:10.77.${b}.${c}`,
      (b: number, c: number) => `::ffff:a4d:${((b << 8) | c).toString(16)}`,
      (b: number, c: number) => `0:0:0:0:0:FFFF:10.77.${b}.${c}`,
    ];
    for (const [round, notation] of notations.entries()) {
      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, index) => {
          return ask('/open/crm/x', { turn: index, address: notation(index >> 8, index & 255) });
        }),
      );
      const remaining = new Set(answers.map(({ headers }) => rateLimitFields(headers).remaining));
      expect(remaining).toEqual(new Set([limit - 1 - round]));
    }
    expect(await redis.client.keys('psa:limit:anonymous:10.77.*')).toHaveLength(500);
  });

  it('do not count a request with a valid token for its address, nor lock its user out with the address', async () => {
    const address = '192.0.2.3';
    await flood(50, (turn) => ask('/open/crm/x', { turn, address }));
    await flood(50, (turn) => ask('/open/crm/x', { turn, address, authorization: user(`of-office-${turn}`) }));
    expect(rateLimitFields((await ask('/open/crm/x', { address })).headers).remaining).toBe(49);
    await flood(60, (turn) => ask('/open/crm/x', { turn, address }));
    expect((await ask('/open/crm/x', { address })).status).toBe(429);
    expect((await ask('/api/crm/x', { address, authorization: user('of-office') })).status).toBe(200);
  });

  it('count a request with a bad token for its address', async () => {
    const address = '192.0.2.4';
    const bad = bearer(tokenFor({ exp: 1 })).authorization;
    expect(await flood(150, (turn) => ask('/open/crm/x', { turn, address, authorization: bad }))).toEqual({
      200: 100,
      429: 50,
    });
  });

  it('count what ends as 401, 404 or 405, so that guessing is limited too', async () => {
    const address = '192.0.2.5';
    const send = (method: string) =>
      call(`${gateways[0]?.url}/open/crm/x`, { method, headers: { 'x-forwarded-for': address } });
    expect((await ask('/api/crm/x', { address })).status).toBe(401);
    expect((await ask('/nowhere', { address })).status).toBe(404);
    expect([405, 501]).toContain((await send('TRACE')).status);
    // What only looks like a browser's preflight counts like any other request.
    await send('OPTIONS');
    expect(await flood(150, (turn) => ask('/nowhere', { turn, address }))).toEqual({ 404: 96, 429: 54 });
  });

  it('never count or refuse /health', async () => {
    const address = '192.0.2.6';
    expect(await flood(150, (turn) => ask('/nowhere', { turn, address }))).toEqual({ 404: 100, 429: 50 });
    for (const path of ['/health', '/health/live', '/health/ready']) {
      const answer = await ask(path, { address });
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('ratelimit');
    }
    expect(await flood(150, (turn) => ask('/health', { turn, address: '192.0.2.7' }))).toEqual({ 200: 150 });
    expect(await redis.client.keys('psa:limit:anonymous:192.0.2.7')).toEqual([]);
  });

  it.each([
    ['an address', { address: '192.0.2.8' }, 'anonymous', 'rate_limited_ip'],
    ['a user', { authorization: user('counted') }, 'user', 'rate_limited_user'],
  ])('tell %s in structured fields what is left, and when to come back', async (_who, caller, policy, reason) => {
    const first = await ask('/open/crm/x', caller);
    const before = rateLimitFields(first.headers);
    expect(before).toMatchObject({ policy, quota: 100, windowSeconds: 900, remaining: 99 });
    expect(before.resetSeconds).toBeGreaterThan(890);
    expect(before.resetSeconds).toBeLessThanOrEqual(900);
    expect(first.headers).not.toHaveProperty('retry-after');
    expect(first.headers).not.toHaveProperty('x-ratelimit-limit');

    await flood(99, (turn) => ask('/open/crm/x', { turn, ...caller }));
    const refused = await ask('/open/crm/x', caller);
    expect(refused.status).toBe(429);
    expect(reasonOf(refused)).toBe(reason);
    const { remaining, resetSeconds } = rateLimitFields(refused.headers);
    expect(remaining).toBe(0);
    const retryAfter = Number(refused.headers['retry-after']);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ retryAfter });
    expect(Math.abs(retryAfter - resetSeconds)).toBeLessThanOrEqual(1);
  });

  it('leave no key without an end in Redis', async () => {
    const keys = await redis.client.keys('psa:limit:*');
    expect(keys.length).toBeGreaterThan(10);
    const endless = await Promise.all(keys.map((key) => redis.client.pttl(key)));
    // -1: without an end. -2: gone meanwhile.
    expect(endless.filter((ttl) => ttl === -1)).toEqual([]);
  });
});

describe('a request whose count gets lost on its way back', () => {
  it('is not counted again when Redis is back', async () => {
    const network = await startRedisProxy(redis.port);
    const gateway = await startGateway({ upstreams: { crm: crm.port }, redisPort: network.port });
    const from = async (address: string) => {
      await call(`${gateway.url}/open/crm/x`, { headers: { 'x-forwarded-for': address } });
      return Number(await redis.client.get(`psa:limit:anonymous:${address}`));
    };
    network.delayAnswers(500);
    expect(await from('192.0.2.90')).toBe(1);
    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    network.delayAnswers(0);
    await until('limits to be shared again', async () => (await from('192.0.2.91')) > 0);
    expect(Number(await redis.client.get('psa:limit:anonymous:192.0.2.90'))).toBe(1);
    await gateway.stop();
    await network.stop();
  });
});

describe('a window', () => {
  it('ends after the time that Retry-After says', async () => {
    const env = { RATE_LIMIT_MAX_REQUESTS: '2', RATE_LIMIT_WINDOW_MS: '1000' };
    const gateway = await startGateway({ upstreams: { crm: crm.port }, redisPort: redis.port, env });
    try {
      const headers = { 'x-forwarded-for': '192.0.2.9' };
      const ask = () => call(`${gateway.url}/open/crm/x`, { headers });
      const refused = await until('a refusal', async () => {
        const answer = await ask();
        return answer.status === 429 && answer;
      });
      expect(refused.headers['retry-after']).toBe('1');
      await until('the next window', async () => (await ask()).status === 200);
    } finally {
      await gateway.stop();
    }
  });
});

describe('a client over its limit', () => {
  const address = '192.0.2.10';
  const key = `psa:limit:anonymous:${address}`;

  it('costs Redis next to nothing, however much it asks', async () => {
    await flood(limit + 1, () => ask('/open/crm/x', { address }));
    const before = Number(await redis.client.get(key));
    const startedAt = performance.now();
    expect(await flood(200, () => ask('/open/crm/x', { address }))).toEqual({ 429: 200 });
    const seconds = Math.ceil((performance.now() - startedAt) / 1000);
    // Some may be under way at once when a second has passed.
    expect(Number(await redis.client.get(key)) - before).toBeLessThan(50 * seconds);
  });

  it('is let in again within a second when an operator resets its limit', async () => {
    const letIn = async () => (await ask('/open/crm/x', { address })).status === 200;
    const tookMs = await quickest(LET_IN_MS, async () => {
      await flood(limit + 1, () => ask('/open/crm/x', { address }));
      await redis.client.del(key);
      const resetAt = performance.now();
      await until('an answer', letIn);
      return performance.now() - resetAt;
    });
    expect(tookMs).toBeLessThan(LET_IN_MS);
  });

  it('is still told when to come back', async () => {
    await flood(limit + 1, () => ask('/open/crm/x', { address }));
    const refused = await ask('/open/crm/x', { address });
    expect(rateLimitFields(refused.headers)).toMatchObject({ remaining: 0, quota: limit });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(890);
    expect(reasonOf(refused)).toBe('rate_limited_ip');
  });
});

describe('a client that nobody vouches for', () => {
  it('gains nothing by claiming 1,000 addresses', async () => {
    const env = { RATE_LIMIT_MAX_REQUESTS: '100', TRUST_PROXY: '192.0.2.100' };
    const gateway = await startGateway({ upstreams: { crm: crm.port }, redisPort: redis.port, env });
    try {
      const counts: Record<string, number> = {};
      for (let batch = 0; batch < 20; batch++) {
        const ofBatch = await flood(50, (turn) => {
          const address = `10.${batch}.0.${turn}`;
          const headers = { 'x-forwarded-for': address, 'x-real-ip': address, forwarded: `for=${address}` };
          return call(`${gateway.url}/open/crm/x`, { headers });
        });
        for (const [status, count] of Object.entries(ofBatch)) counts[status] = (counts[status] ?? 0) + count;
      }
      expect(counts).toEqual({ 200: 100, 429: 900 });
    } finally {
      await gateway.stop();
    }
  });
});
