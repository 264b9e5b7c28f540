import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bearer, tokenFor } from '../support/gateway.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { type Pm2Gateway, startPm2Gateway } from '../support/pm2-gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const RELOADS = 3;

/** All requests come from one address, and must stay below what nginx allows it. */
const PAUSE_MS = 40;

let redis: TestRedis;
let crm: RecordingBackend;
let gateway: Pm2Gateway;
let nginx: TestNginx;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  gateway = await startPm2Gateway({
    REDIS_PORT: String(redis.port),
    CRM_SERVICE_URL: `http://127.0.0.1:${crm.port}`,
    USER_RATE_LIMIT_MAX: '10000000',
  });
  nginx = await startNginx({ gatewayPort: gateway.port });
}, 180_000);

afterAll(async () => {
  await nginx.stop();
  await gateway.stop();
  await crm.stop();
  await redis.stop();
}, 180_000);

function loadOf(options: { method: string; connections: number }) {
  const headers = bearer(tokenFor({ exp: Math.floor(Date.now() / 1000) + 3600 }));
  return keepAliveLoad({ url: `${nginx.httpsUrl}/api/v1/crm/x`, headers, ca: nginx.ca, pauseMs: PAUSE_MS, ...options });
}

describe('the whole of it: nginx, two workers under PM2, Redis', () => {
  it(`loses no request, GET or POST, in ${RELOADS} reloads of the gateway`, async () => {
    const loads = ['GET', 'POST'].map((method) => loadOf({ method, connections: 8 }));
    for (let reload = 0; reload < RELOADS; reload++) await gateway.reload();
    const results = await Promise.all(loads.map((load) => load.stop()));
    expect(results.map(({ failures }) => failures)).toEqual([{}, {}]);
    for (const { requests } of results) expect(requests).toBeGreaterThan(200);
  }, 180_000);

  it('counts one limit for both workers, by the address that nginx sees and not by what a client claims', async () => {
    const options = {
      url: `${nginx.httpsUrl}/nowhere`,
      ca: nginx.ca,
      connections: 2,
      pauseMs: PAUSE_MS,
      expectedStatus: 404,
    };
    const loads = ['203.0.113.1', '203.0.113.2'].map((claimed) =>
      keepAliveLoad({ ...options, headers: { 'x-forwarded-for': claimed } }),
    );
    await until('100 requests by each', () => loads.every((load) => load.count() > 100));
    const results = await Promise.all(loads.map((load) => load.stop()));
    const refused = results.map(({ failures }) => failures['status 429'] ?? 0);
    const all = results.map(({ requests }) => requests);
    expect(sum(all) - sum(refused)).toBe(100);
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
