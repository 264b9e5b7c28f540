import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bearer, tokenFor } from '../support/gateway.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { type Pm2Gateway, startPm2Gateway } from '../support/pm2-gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { openSocket } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';
import { whileRedisIsThere } from '../support/while-redis-is-there.ts';

const CONNECTIONS = 32;

let redis: TestRedis;
let crm: RecordingBackend;
let tickets: WebSocketService;
let gateway: Pm2Gateway;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  tickets = await startWebSocketService();
  gateway = await startPm2Gateway({
    REDIS_PORT: String(redis.port),
    CRM_SERVICE_URL: `http://127.0.0.1:${crm.port}`,
    TICKETS_SERVICE_URL: `http://127.0.0.1:${tickets.port}`,
    USER_RATE_LIMIT_MAX: '10000000',
  });
}, 120_000);

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await tickets.stop();
  await redis.stop();
}, 120_000);

let bursts = 0;

/** 300 requests at once, of one more address, by their status. */
async function burst(): Promise<Map<number, Response[]>> {
  const headers = { 'x-forwarded-for': `192.0.2.${bursts++}` };
  const answers = await Promise.all(Array.from({ length: 300 }, () => fetch(`${gateway.url}/nowhere`, { headers })));
  return Map.groupBy(answers, ({ status }) => status);
}

describe('under PM2 with two workers', () => {
  it('lets exactly 100 of 300 requests pass that come at once without a token', async () => {
    // Warm, as a worker is after its first seconds: cold code would make the burst wait for itself.
    const warmUp = keepAliveLoad({ url: `${gateway.url}/api/v1/crm/x`, headers: bearer(), connections: 16 });
    await until('2,000 requests', () => warmUp.count() > 2000, { withinMs: 60_000 });
    await warmUp.stop();
    const statuses = await whileRedisIsThere([gateway], burst);
    expect(statuses.get(404)?.length).toBe(100);
    expect(statuses.get(429)?.length).toBe(200);
    const limited = statuses.get(429)?.[0];
    expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('reports every worker of the machine, whichever is asked', async () => {
    const pids = (await gateway.workers()).map(({ pid }) => pid).toSorted((a, b) => a - b);
    const report = await (await fetch(`${gateway.url}/health/detailed`)).json();
    expect(report).toMatchObject({ status: 'healthy', workers: pids.map((pid) => ({ pid, isReady: true })) });
  });

  // Without a pause the machine is full; with one, connections are idle at the moment they are closed.
  it.each([
    { load: 'as many requests as it can take', pauseMs: 0, reloads: 10 },
    { load: 'connections that pause', pauseMs: 20, reloads: 2 },
  ])(
    `loses no request in $reloads reloads under ${CONNECTIONS} keep-alive connections and $load`,
    async ({ pauseMs, reloads }) => {
      const before = await gateway.workers();
      const headers = bearer(tokenFor({ exp: Math.floor(Date.now() / 1000) + 3600 }));
      const url = `${gateway.url}/api/v1/crm/x`;
      const load = keepAliveLoad({ url, headers, connections: CONNECTIONS, pauseMs });
      await gateway.npm('pm2:reload');
      for (let reload = 1; reload < reloads; reload++) await gateway.reload();
      const result = await load.stop();
      expect(result.failures).toEqual({});
      expect(result.requests).toBeGreaterThan(1000);
      const after = await gateway.workers();
      const pidsBefore = before.map(({ pid }) => pid);
      expect(after.filter(({ pid }) => pidsBefore.includes(pid))).toEqual([]);
      expect(after.map(({ unstableRestarts }) => unstableRestarts)).toEqual([0, 0]);
    },
    240_000,
  );

  it('closes WebSockets with 1001 at a reload, and takes them again', async () => {
    const open = () => openSocket(`${gateway.url}/api/v1/tickets/live`, { headers: bearer() });
    const sockets = await Promise.all(Array.from({ length: 10 }, open));
    await gateway.reload();
    const codes = await Promise.all(sockets.map(({ closed }) => closed));
    expect(new Set(codes)).toEqual(new Set([1001]));
    const again = await open();
    again.ws.send('here again');
    await until('the echo', () => again.messages.length === 1);
    again.ws.close();
  });

  it('writes one whole line per request into the files that the workers share', async () => {
    crm.reset();
    const urls = Array.from({ length: 500 }, (_, index) => `${gateway.url}/api/v1/crm/line-${index}`);
    await Promise.all(urls.map((url) => fetch(url, { headers: bearer() })));
    const paths = await until('500 lines', async () => {
      const lines = await gateway.lines('access');
      const found = lines.map(({ path }) => String(path)).filter((path) => path.includes('/line-'));
      return found.length >= 500 && found;
    });
    expect(new Set(paths).size).toBe(500);
    expect(paths).toHaveLength(500);
  });

  it('refuses to reload with a wrong configuration, and goes on with the old one', async () => {
    const { cp, appendFile, rm } = await import('node:fs/promises');
    const file = `${gateway.folder}/gateway.yaml`;
    await cp(file, `${file}.good`);
    await appendFile(file, '\nspeling: mistake\n');
    const refusal = await gateway.npm('pm2:reload').catch((error: { stderr: string; code: number }) => error);
    expect(refusal).toMatchObject({ code: 64, stderr: expect.stringContaining('speling') });
    await cp(`${file}.good`, file);
    await rm(`${file}.good`);
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  });

  it('starts no crash loop when the configuration is wrong', async () => {
    const broken = startPm2Gateway({ REDIS_PORT: String(redis.port), JWT_SECRET: 'short' });
    await expect(broken).rejects.toThrow(/pm2:start|two workers/);
  }, 120_000);
});
