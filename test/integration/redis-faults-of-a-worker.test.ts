import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { rateLimitFields } from '../support/rate-limit-fields.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { isCountedIn, redisFaults } from '../support/redis-faults.ts';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** How long a fault lasts under load. `FAULT_SECONDS=60` for a thorough look, with figures. */
const FAULT_SECONDS = Number(process.env.FAULT_SECONDS ?? 1);

/** Under load V8 takes more and more room for what is young, for half a minute. Only then do resident pages tell anything. */
const isThorough = FAULT_SECONDS >= 30;

/** What would be held on to for each request would be more within a minute. */
const GROWTH_MIB = 20;

let crm: RecordingBackend;
let redis: TestRedis;
let network: RedisProxy;
let worker: GatewayProcess;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

beforeEach(async () => {
  redis = await startRedis();
  network = await startRedisProxy(redis.port);
});

async function start(limit: number): Promise<void> {
  worker = await startGatewayProcess({
    file: {
      upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } },
      routes: [{ path: '/open/crm/*', upstream: 'crm', auth: 'none' }],
    },
    env: {
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(network.port),
      RATE_LIMIT_MAX_REQUESTS: String(limit),
      // As PM2 sets them for the first of two workers.
      NODE_APP_INSTANCE: '0',
      PM2_INSTANCES: '2',
    },
  });
}

afterEach(async () => {
  await worker.stop();
  await network.stop();
  redis.thaw();
  await redis.stop();
});

async function memory() {
  // In this process, but it is not what is measured.
  crm.reset();
  return worker.memory();
}

const ask = () => call(`${worker.url}/open/crm/x`);
const isShared = () => isCountedIn(redis, `${worker.url}/open/crm/x`);
const health = async () => (await call(`${worker.url}/health`)).body.toString();

describe('one of two workers, as shipped', () => {
  it('lets its half of the limit pass while Redis is away', async () => {
    await start(100);
    await redis.kill();
    await until('health to be degraded', async () => (await health()).includes('"status":"degraded"'));
    const answers = await Promise.all(Array.from({ length: 80 }, ask));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(50);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(30);
  });

  it('tells nothing of Redis in its answers, and survives every fault without an error', async () => {
    await start(100);
    const answers: string[] = [];
    const collect = async () => {
      const answer = await ask();
      expect(answer.status).toBe(200);
      rateLimitFields(answer.headers);
      answers.push(JSON.stringify(answer.headers) + answer.body, await health());
    };
    for (const fault of Object.values(redisFaults)) {
      await fault.begin({ redis, network });
      await collect();
      await fault.end({ redis, network });
      await until('limits to be shared again', isShared, { withinMs: 5000, everyMs: 50 });
      await collect();
    }
    for (const answer of answers) {
      expect(answer).not.toMatch(/READONLY|OOM|NOSCRIPT|NOAUTH|EVALSHA|ECONN|maxmemory|timeout/i);
    }
    expect(worker.isRunning()).toBe(true);
    expect(await worker.errors()).toBe('');
    expect(await worker.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  it(
    'holds on to nothing for Redis, whatever has happened to it, and loses no request of a load',
    async () => {
      await start(10_000_000);
      const load = keepAliveLoad({ url: `${worker.url}/open/crm/x`, connections: 16 });
      await until('warmth', () => load.count() > 500, { withinMs: 20_000 });
      await pause(FAULT_SECONDS * 1000);
      const before = await memory();
      for (const [name, fault] of Object.entries(redisFaults)) {
        const count = load.count();
        await fault.begin({ redis, network });
        await pause(FAULT_SECONDS * 1000);
        const during = await memory();
        await fault.end({ redis, network });
        await until('limits to be shared again', isShared, { withinMs: 5000, everyMs: 50 });
        const after = await memory();
        if (process.env.FAULT_SECONDS !== undefined) {
          const figures = { before, during, after, requests: load.count() - count };
          process.stderr.write(`a worker: ${name} ${JSON.stringify(figures)}\n`);
        }
        for (const { inUse, resident } of [during, after]) {
          expect(inUse - before.inUse).toBeLessThan(GROWTH_MIB);
          if (isThorough) expect(resident - before.resident).toBeLessThan(GROWTH_MIB);
        }
      }
      expect((await load.stop()).failures).toEqual({});
    },
    60_000 + 7 * FAULT_SECONDS * 1000,
  );
});
