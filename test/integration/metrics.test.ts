import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer, startGateway, type TestGateway } from '../support/gateway.ts';
import { runGateway } from '../support/gateway-process.ts';
import { metricsOf, type Samples, total } from '../support/metrics-of.ts';
import { parseAnswer, sendRaw } from '../support/raw-client.ts';
import { deadUpstream } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
let crm: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  gateway = await startGateway({
    upstreams: {
      crm: crm.port,
      tickets: { url: `http://127.0.0.1:${await deadUpstream()}`, breaker: { minimumCalls: 3 } },
    },
    redisPort: redis.port,
    env: { RATE_LIMIT_MAX_REQUESTS: '2', AUTH_RATE_LIMIT_MAX: '1' },
  });
});
afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await redis.stop();
});

/** What the requests have added to the metrics. */
async function added(requests: () => Promise<unknown>): Promise<Samples> {
  const before = await metricsOf(gateway.adminUrl);
  await requests();
  const after = await metricsOf(gateway.adminUrl);
  return new Map([...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)]));
}

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${gateway.url}${path}`, { headers });
const from = (address: string) => ({ 'x-forwarded-for': address });

describe('GET /metrics', () => {
  it('counts requests by method, route and status, and their durations by class', async () => {
    const samples = await added(async () => {
      await get('/api/crm/companies', bearer());
      await get('/api/crm/companies/1', bearer());
      await fetch(`${gateway.url}/api/crm/x`, { method: 'DELETE', headers: from('203.0.113.1') });
    });
    expect(samples.get('gateway_http_requests_total{method="GET",route="/api/crm/*",status="200"}')).toBe(2);
    expect(samples.get('gateway_http_requests_total{method="DELETE",route="/api/crm/*",status="401"}')).toBe(1);
    expect(samples.get('gateway_http_request_duration_seconds_count{route="/api/crm/*",status="2xx"}')).toBe(2);
    expect(samples.get('gateway_http_request_duration_seconds_bucket{le="+Inf",route="/api/crm/*",status="2xx"}')).toBe(
      2,
    );
    expect(samples.get('gateway_upstream_duration_seconds_count{upstream="crm",status="2xx"}')).toBe(2);
  });

  it('tells its own paths, and paths of nobody, without repeating what strangers ask for', async () => {
    const samples = await added(async () => {
      await get('/health/live');
      await get('/healthy-looking', from('203.0.113.2'));
    });
    expect(total(samples, 'gateway_http_requests_total', 'route="/health*"', 'status="200"')).toBe(1);
    expect(total(samples, 'gateway_http_requests_total', 'route="none"', 'status="404"')).toBe(1);
    expect([...samples.keys()].filter((key) => key.includes('looking'))).toEqual([]);
  });

  it('counts what never became a request', async () => {
    const samples = await added(() => sendRaw(gateway.port, 'GET / HTTP/1.1\r\nHost : x\r\n\r\n'));
    expect(samples.get('gateway_http_requests_total{method="none",route="none",status="400"}')).toBe(1);
    expect(samples.get('gateway_rejections_total{reason="invalid_request"}')).toBe(1);
  });

  it('counts what the limits decide, and refusals by reason', async () => {
    const samples = await added(async () => {
      for (let index = 0; index < 5; index++) await get('/nowhere', from('203.0.113.3'));
      await get('/api/crm/x', bearer());
    });
    expect(samples.get('gateway_rate_limit_decisions_total{limit="anonymous",decision="passed"}')).toBe(2);
    expect(samples.get('gateway_rate_limit_decisions_total{limit="anonymous",decision="refused"}')).toBe(3);
    expect(samples.get('gateway_rate_limit_decisions_total{limit="user",decision="passed"}')).toBe(1);
    expect(samples.get('gateway_rejections_total{reason="rate_limited_ip"}')).toBe(3);
    expect(samples.get('gateway_rejections_total{reason="route_not_found"}')).toBe(2);
  });

  it('shows a breaker that opens, and calls that got no answer', async () => {
    const samples = await added(async () => {
      for (let index = 0; index < 5; index++) await get('/api/tickets/x', bearer());
    });
    expect(samples.get('gateway_upstream_duration_seconds_count{upstream="tickets",status="none"}')).toBe(3);
    expect(samples.get('gateway_rejections_total{reason="upstream_connect_failed"}')).toBe(3);
    expect(samples.get('gateway_rejections_total{reason="breaker_open"}')).toBe(2);
    const now = await metricsOf(gateway.adminUrl);
    expect(now.get('gateway_breaker_workers{upstream="tickets",state="OPEN"}')).toBe(1);
    expect(now.get('gateway_breaker_workers{upstream="crm",state="CLOSED"}')).toBe(1);
    expect(now.get('gateway_breaker_openings_total{upstream="tickets"}')).toBe(1);
  });

  it('has the event loop, memory, the version, and how many workers there are', async () => {
    const samples = await metricsOf(gateway.adminUrl);
    expect(samples.get('gateway_workers{state="ready"}')).toBe(1);
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(samples.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
    expect([...samples.keys()]).toContainEqual(
      expect.stringMatching(/^gateway_build_info\{version="\d+\.\d+\.\d+"\}$/),
    );
  });

  it('tells when Redis is away, and when it is back', async () => {
    const redisUp = async () => (await metricsOf(gateway.adminUrl)).get('gateway_redis_up');
    expect(await redisUp()).toBe(1);
    await redis.kill();
    await until('Redis to be missed', async () => (await redisUp()) === 0);
    await redis.restart();
    await until('Redis to be back', async () => (await redisUp()) === 1);
  });
});

describe('the admin listener', () => {
  it('is one of its own: the public one has no metrics', async () => {
    expect((await get('/metrics', from('203.0.113.4'))).status).toBe(404);
  });

  it('answers only GET and HEAD of /metrics, and else with a problem', async () => {
    const head = await fetch(`${gateway.adminUrl}/metrics?x=1`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    const ask = async (line: string) => {
      const { text } = await sendRaw(Number(new URL(gateway.adminUrl).port), `${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return parseAnswer(text);
    };
    expectProblem(await ask('GET /'), { status: 404, reason: 'route_not_found' });
    const post = await ask('POST /metrics');
    expect(post.headers.allow).toBe('GET, HEAD');
    expectProblem(post, { status: 405, reason: 'method_not_allowed' });
  });

  it('keeps the worker from starting where its port is taken, and says so', async () => {
    const { port } = new URL(gateway.adminUrl);
    const file = {
      upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } },
      routes: [{ path: '/x', upstream: 'crm' }],
    };
    const { code, stderr } = await runGateway({ file, env: { PORT: '0', ADMIN_PORT: port } });
    expect(code).toBe(1);
    expect(stderr).toContain(`ADMIN_PORT: listen EADDRINUSE: address already in use 127.0.0.1:${port}`);
  });
});
