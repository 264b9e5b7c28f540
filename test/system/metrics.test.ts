import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bearer, tokenFor } from '../support/gateway.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { metricsOf, type Samples, total } from '../support/metrics-of.ts';
import { type Pm2Gateway, startPm2Gateway } from '../support/pm2-gateway.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** 100000 is what was promised; the suite has ten minutes for everything. */
const REQUESTS = Number(process.env.METRICS_TEST_REQUESTS ?? 5000);

let redis: TestRedis;
let crm: Server;
let gateway: Pm2Gateway;

beforeAll(async () => {
  redis = await startRedis();
  crm = createServer((_req, res) => void res.end('{}')).listen(0, '127.0.0.1');
  await once(crm, 'listening');
  gateway = await startPm2Gateway({
    REDIS_PORT: String(redis.port),
    CRM_SERVICE_URL: `http://127.0.0.1:${(crm.address() as AddressInfo).port}`,
    USER_RATE_LIMIT_MAX: '10000000',
  });
}, 180_000);

afterAll(async () => {
  await gateway.stop();
  crm.closeAllConnections();
  crm.close();
  await redis.stop();
}, 180_000);

const counted = (samples: Samples) => total(samples, 'gateway_http_requests_total', 'route="/api/v1/crm/*"');
const token = () => bearer(tokenFor({ exp: Math.floor(Date.now() / 1000) + 3600 }));

describe('GET /metrics with two workers', () => {
  it('counts what the client counts, over two reloads, and never falls meanwhile', async () => {
    const load = keepAliveLoad({ url: `${gateway.url}/api/v1/crm/x`, headers: token(), connections: 16 });
    const seen: number[] = [];
    const done = new AbortController();
    const watching = (async () => {
      while (!done.signal.aborted) seen.push(counted(await metricsOf(gateway.adminUrl)));
    })();
    for (const share of [0.3, 0.6]) {
      await until('some requests', () => load.count() > share * REQUESTS, { withinMs: 120_000 });
      await gateway.reload();
    }
    await until('all requests', () => load.count() >= REQUESTS, { withinMs: 120_000 });
    const { requests, failures } = await load.stop();
    done.abort();
    await watching;
    expect(failures).toEqual({});
    expect(counted(await metricsOf(gateway.adminUrl))).toBe(requests);
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  }, 300_000);

  it('has what a killed worker had told, and counts on', async () => {
    const before = await metricsOf(gateway.adminUrl);
    const [victim] = await gateway.workers();
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    // A connection that PM2 hands to a worker at its very end gets no answer; so nobody waits for one for long.
    const ready = () =>
      metricsOf(gateway.adminUrl).then((samples) => samples.get('gateway_workers{state="ready"}'), String);
    await until('a new worker', async () => (await ready()) === 2, { withinMs: 60_000 });
    const load = keepAliveLoad({ url: `${gateway.url}/api/v1/crm/x`, headers: token(), connections: 2 });
    await until('500 requests', () => load.count() >= 500, { withinMs: 60_000 });
    const { requests, failures } = await load.stop();
    expect(failures).toEqual({});
    const after = await metricsOf(gateway.adminUrl);
    expect(counted(after) - counted(before)).toBe(requests);
  }, 180_000);

  it('keeps the counts of ended workers in one file, however many there were', async () => {
    const { readdir } = await import('node:fs/promises');
    await gateway.reload();
    const before = counted(await metricsOf(gateway.adminUrl));
    await gateway.reload();
    const files = await readdir(`${gateway.folder}/logs/workers`);
    // Those of the last reload are added up by the next worker that starts.
    expect(files.filter((name) => name.endsWith('.metrics.json')).length).toBeLessThanOrEqual(4);
    expect(files.filter((name) => name.endsWith('.sock'))).toHaveLength(2);
    expect(counted(await metricsOf(gateway.adminUrl))).toBe(before);
  }, 180_000);
});
