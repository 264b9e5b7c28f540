import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { type Pm2Gateway, startPm2Gateway } from '../support/pm2-gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { whileRedisIsThere } from '../support/while-redis-is-there.ts';

const CLIENTS = 50;
const REQUESTS = 600;
const LIMIT = 137;

/** Of the environment: what every address may do, whatever the route. */
const ADDRESS_LIMIT = 311;

/** Long enough that nothing comes back while a test runs. */
const windowMs = 86_400_000;

const policies = {
  fixed: { key: 'address', algorithm: 'fixed', limit: LIMIT, windowMs },
  sliding: { key: 'address', algorithm: 'sliding', limit: LIMIT, windowMs },
  bucket: { key: 'address', algorithm: 'token-bucket', limit: LIMIT, windowMs },
};

/** What is limited by all of them, by one, and by none but the environment's. */
const limitsOfRoutes: Record<string, string[]> = {
  ...Object.fromEntries(Object.keys(policies).map((name) => [name, [name]])),
  all: Object.keys(policies),
  none: [],
};

/** Both kinds of Redis, by what the gateways are told of them. */
const kinds = {
  'a single Redis': async () => {
    const redis = await startRedis();
    return { env: { REDIS_PORT: String(redis.port) }, stop: redis.stop };
  },
  'a Redis Cluster': () => startRedisCluster(),
};

let crm: RecordingBackend;
let floods = 1;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

describe.each(Object.entries(kinds))(
  'with %s, two gateways of two workers each, and fifty clients',
  (_kind, startKind) => {
    let redis: Awaited<ReturnType<typeof startKind>>;
    let gateways: Pm2Gateway[];

    beforeAll(async () => {
      redis = await startKind();
      gateways = await Promise.all([start(redis.env), start(redis.env)]);
    }, 120_000);

    afterAll(async () => {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await redis.stop();
    }, 60_000);

    it.each(Object.keys(limitsOfRoutes))(
      'what passes is exactly the limit: %s',
      async (name) => {
        const limit = name === 'none' ? ADDRESS_LIMIT : LIMIT;
        const statuses = await whileRedisIsThere(gateways, () => flood(name));
        expect(statuses).toEqual({ 200: limit, 429: REQUESTS - limit });
      },
      60_000,
    );

    it('all four workers have let requests pass', async () => {
      for (const gateway of gateways) {
        const passed = (await gateway.lines('access')).filter(({ status }) => status === 200);
        expect(new Set(passed.map(({ worker }) => worker)).size).toBe(2);
      }
    });

    /** How often each status was answered to one more address, by both gateways. */
    async function flood(path: string): Promise<Record<number, number>> {
      const statuses: Record<number, number> = {};
      const headers = { 'x-forwarded-for': `192.0.2.${floods++}` };
      let turn = 0;
      const client = async (number: number) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const url = `${gateways[number % gateways.length]?.url}/${path}/x`;
        while (turn++ < REQUESTS) {
          const { status } = await call(url, { agent, headers });
          statuses[status] = (statuses[status] ?? 0) + 1;
        }
        agent.destroy();
      };
      await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
      return statuses;
    }
  },
);

function start(env: Record<string, string>): Promise<Pm2Gateway> {
  const routes = Object.entries(limitsOfRoutes).map(([name, limits]) => ({
    path: `/${name}/*`,
    upstream: 'crm',
    auth: 'none',
    limits,
  }));
  return startPm2Gateway(
    { ...env, RATE_LIMIT_MAX_REQUESTS: String(ADDRESS_LIMIT), RATE_LIMIT_WINDOW_MS: String(windowMs) },
    { upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } }, routes, policies },
  );
}
