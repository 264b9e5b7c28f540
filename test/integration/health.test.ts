import { mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { deadUpstream } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

interface Report {
  readonly dependencies: { readonly logs: { readonly status: string } };
}

let redis: TestRedis;
let crm: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  gateway = await startGateway({
    upstreams: { crm: crm.port, tickets: await deadUpstream() },
    redisPort: redis.port,
    env: { SERVICE_NAME: 'front-door' },
  });
});
afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await redis.stop();
});

/** A caller who is not on this machine: loopback is a trusted proxy, so the address that it names counts. */
const elsewhere = { 'x-forwarded-for': '203.0.113.7' };

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${gateway.url}${path}`, { headers });

describe('GET /health', () => {
  it('says how the gateway and each of its dependencies are doing', async () => {
    const response = await get('/health', elsewhere);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const report = (await response.json()) as Record<string, unknown>;
    expect(report).toEqual({
      status: 'healthy',
      service: 'front-door',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      uptime: expect.any(Number),
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      dependencies: {
        redis: { status: 'up' },
        logs: { status: 'up' },
        sharedState: { status: 'up' },
        crm: { status: 'up', breaker: 'CLOSED' },
        tickets: { status: 'up', breaker: 'CLOSED' },
      },
    });
  });

  it('tells a load balancer that the process lives, and that it may send traffic', async () => {
    const live = await get('/health/live');
    expect([live.status, await live.json()]).toEqual([200, { status: 'alive' }]);
    const ready = await get('/health/ready');
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
  });

  it('answers HEAD without a body, and is nobody else\u2019s path', async () => {
    const head = await fetch(`${gateway.url}/health`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await fetch(`${gateway.url}/health`, { method: 'POST' })).status).toBe(404);
    expect((await get('/healthy')).status).toBe(404);
    expect((await get('/health/else')).status).toBe(404);
  });
});

describe('GET /health/detailed', () => {
  it('shows loopback what every worker knows', async () => {
    const report = await (await get('/health/detailed')).json();
    const worker = {
      worker: '0',
      pid: process.pid,
      isReady: true,
      redis: { status: 'up', refused: [] },
      sharedState: {
        state: 'fresh',
        ageSeconds: expect.any(Number),
        records: { revocations: 0, tenants: 0, 'api-keys': 0 },
      },
      memory: { rss: expect.any(Number), heapUsed: expect.any(Number), external: expect.any(Number) },
      eventLoopDelay: { mean: expect.any(Number), p99: expect.any(Number), max: expect.any(Number) },
      circuitBreakers: { crm: { state: 'CLOSED', failures: 0, successes: 0, rejects: 0, openings: 0 } },
    };
    expect(report).toMatchObject({ status: 'healthy', ...worker, workers: [worker] });
    // Also of the worker that answers, which looks at itself twice: each look begins anew.
    const { workers } = report as { workers: { eventLoopDelay: { mean: number } }[] };
    expect(workers[0]?.eventLoopDelay.mean).toBeGreaterThan(0);
  });

  it('does not exist for anybody else', async () => {
    for (const headers of [{}, bearer(), bearer(tokenFor({ roles: ['manager'] })), bearer('x.y.z')]) {
      const response = await get('/health/detailed', { ...elsewhere, ...headers });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ reason: 'route_not_found' });
    }
  });

  it('does not take a client for one of this machine because a proxy on it is not in TRUST_PROXY', async () => {
    const careless = await startGateway({ upstreams: { crm: crm.port }, env: { TRUST_PROXY: '10.0.0.0/8' } });
    const statusWith = async (headers: Record<string, string>) =>
      (await fetch(`${careless.url}/health/detailed`, { headers })).status;
    expect(await statusWith(elsewhere)).toBe(404);
    expect(await statusWith({})).toBe(200);
    await careless.stop();
  });

  it('shows itself to an administrator, wherever from', async () => {
    const response = await get('/health/detailed', { ...elsewhere, ...bearer(tokenFor({ roles: ['admin'] })) });
    expect(response.status).toBe(200);
  });

  it('names no address, path or secret', async () => {
    const text = await (await get('/health/detailed')).text();
    expect(text).not.toMatch(/127\.0\.0\.1|localhost|https?:|\/tmp|secret/);
  });
});

describe('a gateway that has lost something', () => {
  it('is degraded and goes on serving while a log file can not be written to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'psa-logs-'));
    const unlogged = await startGateway({ upstreams: { crm: crm.port }, env: { LOG_DIR: folder } });
    const logsOf = async () => {
      const { dependencies } = (await (await fetch(`${unlogged.url}/health`)).json()) as Report;
      return dependencies.logs.status;
    };
    await rename(join(folder, 'access.log'), join(folder, 'moved'));
    await mkdir(join(folder, 'access.log'));
    await until('the logs to fail', async () => (await logsOf()) === 'down');
    expect(await (await fetch(`${unlogged.url}/health`)).json()).toMatchObject({ status: 'degraded' });
    expect((await fetch(`${unlogged.url}/api/crm/x`, { headers: bearer() })).status).toBe(200);
    await rmdir(join(folder, 'access.log'));
    await until('the logs to be back', async () => (await logsOf()) === 'up');
    await unlogged.stop();
    await rm(folder, { recursive: true });
  });

  it('is degraded and goes on serving while a breaker is open', async () => {
    for (let call = 0; call < 10; call++) expect((await get('/open/tickets/x')).status).toBe(502);
    expect((await get('/open/tickets/x')).status).toBe(503);
    const response = await get('/health');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'degraded',
      dependencies: { tickets: { status: 'down', breaker: 'OPEN' }, crm: { status: 'up' } },
    });
    expect((await get('/health/ready')).status).toBe(200);
    expect((await get('/open/crm/x')).status).toBe(200);
  });
});
