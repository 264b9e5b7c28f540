import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';

const WORKERS = 4;
const CLIENTS = 50;
const REQUESTS = 1000;
const LIMIT = 137;

/** Long enough that nothing comes back while a test runs. */
const windowMs = 86_400_000;

const policies = {
  fixed: { key: 'address', algorithm: 'fixed', limit: LIMIT, windowMs },
  sliding: { key: 'address', algorithm: 'sliding', limit: LIMIT, windowMs },
  bucket: { key: 'address', algorithm: 'token-bucket', limit: LIMIT, windowMs },
};

/** Both kinds of Redis, by what the gateways are told of them. */
const kinds = {
  'a single Redis': async () => {
    const redis = await startRedis();
    return { env: { REDIS_PORT: String(redis.port) }, stop: redis.stop };
  },
  'a Redis Cluster': startRedisCluster,
};

let crm: RecordingBackend;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

describe.each(Object.entries(kinds))('with %s, four workers and fifty clients', (_kind, startKind) => {
  let redis: Awaited<ReturnType<typeof startKind>>;
  let workers: TestGateway[];

  beforeAll(async () => {
    redis = await startKind();
    const names = Object.keys(policies);
    const route = (name: string, limits: string[]) => ({ path: `/${name}/*`, upstream: 'crm', auth: 'none', limits });
    const routes = [route('none', []), route('all', names), ...names.map((name) => route(name, [name]))];
    const start = () => startGateway({ upstreams: { crm: crm.port }, routes, sections: { policies }, env: redis.env });
    workers = await Promise.all(Array.from({ length: WORKERS }, start));
  }, 60_000);

  afterAll(async () => {
    for (const worker of workers) await worker.stop();
    await redis.stop();
  });

  it.each([...Object.keys(policies), 'all'])(
    'what passes is exactly the limit: %s',
    async (name) => {
      const statuses = await flood(name, `192.0.2.${name.length}`);
      expect(statuses).toEqual({ 200: LIMIT, 429: REQUESTS - LIMIT });
    },
    60_000,
  );

  /** How often each status was answered. */
  async function flood(path: string, address: string): Promise<Record<number, number>> {
    const statuses: Record<number, number> = {};
    let turn = 0;
    const client = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (turn < REQUESTS) {
        const worker = workers[turn++ % WORKERS];
        const { status } = await call(`${worker?.url}/${path}/x`, { agent, headers: { 'x-forwarded-for': address } });
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
      agent.destroy();
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return statuses;
  }
});
