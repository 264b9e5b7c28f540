import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { rateLimitFields } from '../support/rate-limit-fields.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { isCountedIn, redisFaults } from '../support/redis-faults.ts';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

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
  worker = await startGatewayProcess({
    file: {
      upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } },
      routes: [{ path: '/open/crm/*', upstream: 'crm', auth: 'none' }],
    },
    env: {
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(network.port),
      RATE_LIMIT_MAX_REQUESTS: '100',
      // As PM2 sets them for the first of two workers.
      NODE_APP_INSTANCE: '0',
      PM2_INSTANCES: '2',
    },
  });
});

afterEach(async () => {
  await worker.stop();
  await network.stop();
  redis.thaw();
  await redis.stop();
});

const ask = () => call(`${worker.url}/open/crm/x`);
const health = async () => (await call(`${worker.url}/health`)).body.toString();

describe('one of two workers, as shipped', () => {
  it('lets its half of the limit pass while Redis is away', async () => {
    await redis.kill();
    await until('health to be degraded', async () => (await health()).includes('"status":"degraded"'));
    const answers = await Promise.all(Array.from({ length: 80 }, ask));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(50);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(30);
  });

  it('tells nothing of Redis in its answers, and survives every fault without an error', async () => {
    const answers: string[] = [];
    const collect = async () => {
      const answer = await ask();
      expect(answer.status).toBe(200);
      rateLimitFields(answer.headers);
      answers.push(JSON.stringify(answer.headers) + answer.body, await health());
    };
    const isShared = () => isCountedIn(redis, `${worker.url}/open/crm/x`);
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
});
