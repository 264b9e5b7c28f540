import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { isCountedIn, redisFaults } from '../support/redis-faults.ts';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** A request may wait 150 ms for an ailing Redis. The rest is for machines that are busy with something else. */
const SLOWEST_MS = 150 + 850;

/** So soon limits are shared again: within five seconds, and as long again for a busy machine. */
const BACK_MS = 2 * 5000;

let crm: RecordingBackend;
let redis: TestRedis;
let network: RedisProxy;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

beforeEach(async () => {
  redis = await startRedis();
  network = await startRedisProxy(redis.port);
});

afterEach(async () => {
  await network.stop();
  redis.thaw();
  await redis.stop();
});

const start = (env: Record<string, string> = {}) =>
  startGateway({ upstreams: { crm: crm.port }, redisPort: network.port, env });

const healthOf = async ({ url }: { url: string }) => (await call(`${url}/health`)).body.toString();

async function expectHealth(gateway: { url: string }, status: string): Promise<void> {
  await until(`health to be ${status}`, async () => (await healthOf(gateway)).includes(`"status":"${status}"`));
  expect((await call(`${gateway.url}/health`)).status).toBe(200);
}

/** What the gateway logged about Redis: 'away' and 'back' in turn. */
async function changes(gateway: TestGateway): Promise<string[]> {
  const messages = (await gateway.lines('combined')).map(({ message }) => String(message));
  return messages.flatMap((message) => /^redis is (away|back|connected)/.exec(message)?.[1] ?? []);
}

const isShared = ({ url }: TestGateway) => isCountedIn(redis, `${url}/open/crm/x`);

describe('when Redis ails in the middle of traffic', () => {
  it.each(Object.entries(redisFaults))(
    '%s: nothing fails or waits, and limits are shared again after',
    async (_, fault) => {
      const gateway = await start();
      const load = keepAliveLoad({ url: `${gateway.url}/open/crm/x`, connections: 4 });
      // Asks no Redis: what makes it slow is the machine.
      const control = keepAliveLoad({ url: `${gateway.url}/health/live`, connections: 1, pauseMs: 5 });
      try {
        await expectHealth(gateway, 'healthy');
        await until('traffic', () => load.count() > 50);

        await fault.begin({ redis, network });
        await expectHealth(gateway, 'degraded');
        const soFar = await changes(gateway);
        // Long enough for several probes: a Redis that is away must not come and go with each of them. Once it may, where the
        // machine is so busy that the gateway blames itself for a late answer.
        await new Promise((resolve) => setTimeout(resolve, 1500));
        expect((await changes(gateway)).length).toBeLessThanOrEqual(soFar.length + 2);
        const during = load.count();
        await until('more traffic', () => load.count() > during + 200);

        await fault.end({ redis, network });
        await until('limits to be shared again', () => isShared(gateway), { withinMs: BACK_MS, everyMs: 50 });
        await expectHealth(gateway, 'healthy');
        const { failures, slowestMs } = await load.stop();
        const machine = await control.stop();
        expect(failures).toEqual({});
        expect(slowestMs).toBeLessThan(SLOWEST_MS + machine.slowestMs);
        // Each change once. A machine that is too busy to run Redis may add changes of its own.
        expect((await changes(gateway)).join(' ')).toMatch(/^connected( away back)+$/);
        const ttls = (await redis.client.keys('psa:limit:*')).map((key) => redis.client.pttl(key));
        // -1: a key that would stay for ever.
        expect((await Promise.all(ttls)).filter((ttl) => ttl === -1)).toEqual([]);
      } finally {
        await Promise.all([load.stop(), control.stop()]);
        await gateway.stop();
      }
    },
  );

  it('finds a new connection when the old one has gone silent and nobody has closed it', async () => {
    const gateway = await start();
    try {
      network.swallowConnections();
      await until('the loss to be noticed', async () => !(await isShared(gateway)));
      await until('limits to be shared again', () => isShared(gateway), { withinMs: BACK_MS, everyMs: 50 });
      expect(await changes(gateway)).toEqual(['connected', 'away', 'back']);
    } finally {
      await gateway.stop();
    }
  });

  it('finds the new primary when the old one, still connected, refuses writes after a failover', async () => {
    const newPrimary = await startRedis();
    const gateway = await start();
    try {
      network.leadTo(newPrimary.port);
      await redis.client.call('REPLICAOF', '127.0.0.1', '1');
      const countedByNewPrimary = async () => {
        await call(`${gateway.url}/open/crm/x`);
        return (await newPrimary.client.keys('psa:limit:anonymous:*')).length === 1;
      };
      await until('limits to be shared by the new primary', countedByNewPrimary, { withinMs: BACK_MS, everyMs: 50 });
      const isBack = async () => (await changes(gateway)).at(-1) === 'back';
      await until('its return to be logged', isBack);
      expect(await changes(gateway)).toEqual(['connected', 'away', 'back']);
    } finally {
      await gateway.stop();
      await newPrimary.stop();
    }
  });

  it('counts on, shared and exact, when Redis forgets its scripts under load', async () => {
    const gateway = await start({ RATE_LIMIT_MAX_REQUESTS: '100' });
    try {
      const statuses: number[] = [];
      for (let round = 0; round < 10; round++) {
        await redis.client.call('SCRIPT', 'FLUSH');
        const burst = Array.from({ length: 20 }, () => call(`${gateway.url}/open/crm/x`));
        statuses.push(...(await Promise.all(burst)).map(({ status }) => status));
      }
      const sorted = Map.groupBy(statuses, (status) => status);
      expect(Array.from(sorted, ([status, all]) => [status, all.length])).toEqual([
        [200, 100],
        [429, 100],
      ]);
      expect(await changes(gateway)).toEqual(['connected']);
    } finally {
      await gateway.stop();
    }
  });
});

describe('a gateway that starts before Redis', () => {
  it('serves at once, and shares its limits within five seconds of finding Redis', async () => {
    await redis.kill();
    const gateway = await start({ RATE_LIMIT_MAX_REQUESTS: '3' });
    try {
      await expectHealth(gateway, 'degraded');
      const ask = () => call(`${gateway.url}/open/crm/x`);
      expect(await Promise.all([ask(), ask(), ask()])).toMatchObject([
        { status: 200 },
        { status: 200 },
        { status: 200 },
      ]);
      expect((await ask()).status).toBe(429);

      await redis.restart();
      await until('limits to be shared', () => isShared(gateway), { withinMs: BACK_MS, everyMs: 50 });
      await expectHealth(gateway, 'healthy');
      // Redis knows nothing of what was counted without it.
      const statuses: number[] = [];
      for (let attempt = 0; attempt < 4; attempt++) statuses.push((await ask()).status);
      expect(statuses).toEqual([200, 200, 200, 429]);
      expect(await changes(gateway)).toEqual(['away', 'back']);
    } finally {
      await gateway.stop();
    }
  });

  it('serves when Redis takes its connection and never answers', async () => {
    redis.freeze();
    const gateway = await start();
    try {
      expect((await call(`${gateway.url}/open/crm/x`)).status).toBe(200);
      redis.thaw();
      await until('limits to be shared', () => isShared(gateway), { withinMs: BACK_MS, everyMs: 50 });
    } finally {
      await gateway.stop();
    }
  });
});
