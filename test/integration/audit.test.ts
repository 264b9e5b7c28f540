import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { lastEvents } from '../../src/audit/audit-stream.ts';
import { call } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
let backend: RecordingBackend;
let gateway: TestGateway;
let isStopped: boolean;
beforeAll(async () => {
  redis = await startRedis();
  backend = await startRecordingBackend((_req, res) => res.writeHead(401).end());
});
afterAll(async () => {
  await backend.stop();
  await redis.stop();
});
beforeEach(async () => {
  isStopped = false;
  await redis.client.flushall();
});
const stop = async () => {
  if (!isStopped) await gateway.stop();
  isStopped = true;
};
afterEach(stop);

const start = async (options: Partial<Parameters<typeof startGateway>[0]> = {}) => {
  gateway = await startGateway({
    upstreams: { auth: backend.port },
    routes: [
      { path: '/login', upstream: 'auth', auth: 'none', methods: ['POST'], countLoginFailures: true },
      { path: '/api/*', upstream: 'auth' },
      { path: '/admin/*', upstream: 'auth', roles: ['admin'] },
    ],
    redisPort: redis.port,
    ...options,
  });
};
const link = { command: (...[name, ...args]: [string, ...string[]]) => redis.client.call(name, ...args) };
const events = (count: number) =>
  until(
    `${count} events`,
    async () => {
      const found = await lastEvents(link, 1000);
      return found.length >= count && found;
    },
    { withinMs: 5000 },
  );

describe('the audit log', () => {
  it('has refusals and failed logins, in the stream and in the file alike', async () => {
    await start();
    await call(`${gateway.url}/login`, { method: 'POST', body: 'email=ada@example.com&password=wrong' });
    const refused = await call(`${gateway.url}/admin/x`, { headers: bearer() });
    const found = await events(2);
    expect(found.map(({ id: _, time: __, client: ___, requestId: ____, ...rest }) => rest)).toEqual([
      { event: 'login_failed', status: 401, route: '/login', count: 1 },
      {
        event: 'refused',
        status: 403,
        reason: 'scope_missing',
        route: '/admin/*',
        user: 'user-1',
        tenant: 'tenant-1',
        count: 1,
      },
    ]);
    expect(found[1]?.requestId).toBe(refused.headers['x-request-id']);
    const lines = await gateway.lines('audit');
    const inFile = lines.map(({ service: _, worker: __, ...event }) => event);
    expect(inFile).toEqual(found.map(({ id: _, ...event }) => event));
  });

  it('has no address, no e-mail address and no token', async () => {
    await start();
    const token = tokenFor({ sub: 'ada@example.com', tenantId: 'acme@example.com' });
    await call(`${gateway.url}/admin/x?token=${token}`, {
      headers: { ...bearer(token), 'x-forwarded-for': '203.0.113.9' },
    });
    await events(1);
    const text = JSON.stringify([await lastEvents(link, 10), await gateway.lines('audit')]);
    expect(text).not.toMatch(/203\.0\.113|example\.com|eyJ/);
  });

  it('tells clients apart by a name that is always the same, and counts many addresses of one network as one', async () => {
    await start();
    for (const address of ['203.0.113.9', '203.0.113.10', '2001:db8::1', '2001:db8::2', '203.0.113.9']) {
      await call(`${gateway.url}/api/x`, { headers: { 'x-forwarded-for': address } });
    }
    const found = await until('all events', async () => {
      const all = await lastEvents(link, 10);
      return all.reduce((sum, { count }) => sum + count, 0) === 5 && all;
    });
    expect(new Set(found.map(({ client }) => client)).size).toBe(3);
  });

  it('stays short under a flood, and counts all of it', async () => {
    await start({ sections: { audit: { eventsPerSecond: 10 } } });
    const startedAt = performance.now();
    const flood = Array.from({ length: 300 }, (_, index) =>
      call(`${gateway.url}/api/x`, { headers: { 'x-forwarded-for': `198.51.100.${index % 250}` } }),
    );
    await Promise.all(flood);
    const found = await until('the count of all', async () => {
      const all = await lastEvents(link, 1000);
      return all.reduce((sum, { count }) => sum + count, 0) === 300 && all;
    });
    const seconds = Math.ceil((performance.now() - startedAt) / 1000);
    expect(found.length).toBeLessThanOrEqual(11 * (seconds + 1));
    expect(found.length).toBeLessThan(250);
  });

  it('keeps about so many events in the stream, the last ones', async () => {
    await start({ sections: { audit: { maxEvents: 1000 } } });
    const pipeline = redis.client.pipeline();
    for (let index = 0; index < 2000; index++) pipeline.xadd('psa:audit', '*', 'event', 'refused', 'count', '1');
    await pipeline.exec();
    const refused = await call(`${gateway.url}/api/x`);
    const isThere = async () => (await lastEvents(link, 1))[0]?.requestId === refused.headers['x-request-id'];
    await until('the event', isThere);
    // Redis cuts whole nodes, of 100 each.
    expect(await redis.client.xlen('psa:audit')).toBeLessThan(1200);
  });

  it('has what happened within the second before the worker stopped, in the stream and in the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'psa-audit-'));
    try {
      await start({ env: { LOG_DIR: folder } });
      await call(`${gateway.url}/api/x`);
      await stop();
      expect(await lastEvents(link, 10)).toHaveLength(1);
      expect(await readFile(join(folder, 'audit.log'), 'utf8')).toMatch(/^\{.*"auth_missing".*\}\n$/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is complete in the file while Redis is away', async () => {
    await redis.kill();
    try {
      await start();
      await call(`${gateway.url}/api/x`);
      await until('the line in audit.log', async () => (await gateway.lines('audit')).length === 1);
    } finally {
      await redis.restart();
    }
  });
});
