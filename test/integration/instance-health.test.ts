import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { metricsOf, total } from '../support/metrics-of.ts';
import { instancesOf, startInstance, type TestInstance } from '../support/test-instance.ts';
import { until } from '../support/until.ts';

let gateway: TestGateway;
const running: TestInstance[] = [];

afterEach(async () => {
  await gateway.stop();
  for (const instance of running.splice(0)) await instance.stop();
});

async function startTwo(settings: Record<string, unknown>): Promise<[TestInstance, TestInstance]> {
  const two: [TestInstance, TestInstance] = [await startInstance('a'), await startInstance('b')];
  running.push(...two);
  gateway = await startGateway({
    upstreams: { crm: { url: two.map(({ url }) => url).join(','), slowStartMs: 0, ...settings } },
  });
  return two;
}

const ask = () => call(`${gateway.url}/open/crm/x`);
/** How often it was asked for something by clients. */
const askedOf = ({ received }: TestInstance) => received.filter((line) => line !== 'GET /healthz').length;
const statesOf = async () => (await instancesOf(gateway)).map(({ state }) => state);
const untilStates = (...states: string[]) =>
  until(`the states ${states.join(', ')}`, async () => (await statesOf()).join() === states.join());

const failing: RequestListener = (_req, res) => void res.writeHead(500).end('no');
/** Unwell by its checks, and well for everybody else. */
const unwell: RequestListener = (req, res) =>
  void res.writeHead(req.url === '/healthz' ? 503 : 200).end(req.url === '/healthz' ? 'no' : 'yes');

describe('active checks', () => {
  const healthCheck = { path: '/healthz', intervalMs: 40, timeoutMs: 500, healthyThreshold: 2, unhealthyThreshold: 2 };

  it('take an instance out, and bring it back', async () => {
    const [a, b] = await startTwo({ healthCheck });
    await untilStates('healthy', 'healthy');
    a.answerWith(unwell);
    await untilStates('unhealthy', 'healthy');
    const before = askedOf(a);
    for (let n = 0; n < 10; n++) expect((await ask()).body.toString()).toBe('b');
    expect([askedOf(a), askedOf(b)]).toEqual([before, 10]);
    a.answerWith(undefined);
    await untilStates('healthy', 'healthy');
    for (let n = 0; n < 10; n++) await ask();
    expect(askedOf(a)).toBe(before + 5);
  });

  it.each<[string, RequestListener]>([
    ['a redirection', (_req, res) => void res.writeHead(302, { location: '/' }).end()],
    ['nothing', () => undefined],
    ['a head without its body', (_req, res) => void res.writeHead(200, { 'content-length': 5 }).write('o')],
    ['a reset', (req) => void req.socket.resetAndDestroy()],
  ])('take %s for a bad answer', async (_what, listener) => {
    const [a] = await startTwo({ healthCheck: { ...healthCheck, timeoutMs: 100 } });
    a.answerWith(listener);
    await untilStates('unhealthy', 'healthy');
  });

  it('find out by themselves that an instance is gone, and that it is back', async () => {
    const [a] = await startTwo({ healthCheck });
    await a.kill();
    await untilStates('unhealthy', 'healthy');
    await a.comeBack();
    await untilStates('healthy', 'healthy');
  });

  it('end in 503 no_healthy_upstream when no instance is well, which is no failure for the breaker', async () => {
    const [a, b] = await startTwo({ healthCheck, breaker: { minimumCalls: 5 } });
    a.answerWith(unwell);
    b.answerWith(unwell);
    await untilStates('unhealthy', 'unhealthy');
    const [asked, ...none] = [askedOf(a) + askedOf(b)];
    expect(none).toEqual([]);
    for (let n = 0; n < 20; n++) {
      const answer = await ask();
      expect([answer.status, reasonOf(answer)]).toEqual([503, 'no_healthy_upstream']);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(answer.body.toString()).not.toMatch(/127\.0\.0\.1|:\d{4}/);
    }
    expect(askedOf(a) + askedOf(b)).toBe(asked);
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0, rejects: 0 });
    const health = await (await fetch(`${gateway.url}/health`)).json();
    expect(health).toMatchObject({ status: 'degraded', dependencies: { crm: { status: 'down', breaker: 'CLOSED' } } });
    a.answerWith(undefined);
    await untilStates('healthy', 'unhealthy');
    expect((await ask()).status).toBe(200);
    expect(await (await fetch(`${gateway.url}/health`)).json()).toMatchObject({
      dependencies: { crm: { status: 'up', breaker: 'CLOSED' } },
    });
  });

  it('go over connections of their own, and are asked of nobody who has not set them', async () => {
    const [a] = await startTwo({ healthCheck });
    await until('some checks', () => a.received.length > 5);
    expect(a.connectionCount()).toBeLessThan(2);
    await gateway.stop();
    const [c, d] = await startTwo({});
    await ask();
    expect([...c.received, ...d.received]).toEqual(['GET /x']);
  });
});

describe('an instance whose requests fail', () => {
  const ejection = { consecutiveFailures: 5, ejectMs: 10_000 };

  it('is left out after five in a row, and comes back by itself', async () => {
    const [a, b] = await startTwo({ ejection: { ...ejection, ejectMs: 1000 }, breaker: { minimumCalls: 1000 } });
    a.answerWith(failing);
    for (let n = 0; n < 14; n++) await ask();
    expect(askedOf(a)).toBe(5);
    expect(askedOf(b)).toBe(9);
    expect(await statesOf()).toEqual(['ejected', 'healthy']);
    a.answerWith(undefined);
    await untilStates('healthy', 'healthy');
    for (let n = 0; n < 10; n++) expect((await ask()).status).toBe(200);
    expect(askedOf(a)).toBe(10);
  });

  it('by breaking off its answers is left out too', async () => {
    const [a] = await startTwo({ ejection });
    a.answerWith((_req, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('half', () => res.destroy());
    });
    for (let n = 0; n < 20; n++) await ask();
    await untilStates('ejected', 'healthy');
    expect(askedOf(a)).toBe(5);
  });

  it('is never left out together with more than half of them', async () => {
    const [a, b] = await startTwo({ ejection, breaker: { minimumCalls: 1000 } });
    a.answerWith(failing);
    b.answerWith(failing);
    for (let n = 0; n < 30; n++) expect((await ask()).status).toBe(500);
    expect(new Set(await statesOf())).toEqual(new Set(['ejected', 'healthy']));
  });

  it('is not left out while the other one is unwell by its checks', async () => {
    const healthCheck = { path: '/healthz', intervalMs: 40 };
    const [a, b] = await startTwo({ ejection, healthCheck, breaker: { minimumCalls: 1000 } });
    a.answerWith(unwell);
    await untilStates('unhealthy', 'healthy');
    b.answerWith((req, res) => (req.url === '/healthz' ? void res.end() : failing(req, res)));
    for (let n = 0; n < 10; n++) expect((await ask()).status).toBe(500);
    expect(await statesOf()).toEqual(['unhealthy', 'healthy']);
  });

  it('is never left out if it is alone: that is for the breaker to judge', async () => {
    const alone = await startInstance('a');
    running.push(alone);
    gateway = await startGateway({ upstreams: { crm: { url: alone.url, ejection, breaker: { minimumCalls: 1000 } } } });
    alone.answerWith(failing);
    for (let n = 0; n < 20; n++) expect((await ask()).status).toBe(500);
    expect(await statesOf()).toEqual(['healthy']);
  });

  it('stays for answers that say no, and for clients that leave', async () => {
    const [a] = await startTwo({ ejection });
    a.answerWith((_req, res) => void res.writeHead(404).end());
    for (let n = 0; n < 20; n++) await ask();
    a.answerWith(() => undefined);
    for (let n = 0; n < 14; n++) {
      await fetch(`${gateway.url}/open/crm/x`, { signal: AbortSignal.timeout(30) }).catch(() => undefined);
    }
    expect(await statesOf()).toEqual(['healthy', 'healthy']);
  });

  it('shows in the log and in the metrics', async () => {
    const [a] = await startTwo({ ejection, breaker: { minimumCalls: 1000 } });
    a.answerWith(failing);
    const before = await metricsOf(gateway.adminUrl);
    expect(total(before, 'gateway_upstream_instances', 'upstream="crm"', 'state="healthy"')).toBe(2);
    expect(total(before, 'gateway_upstream_ejections_total', 'upstream="crm"')).toBe(0);
    for (let n = 0; n < 20; n++) await ask();
    const after = await metricsOf(gateway.adminUrl);
    expect(total(after, 'gateway_upstream_instances', 'state="healthy"')).toBe(1);
    expect(total(after, 'gateway_upstream_instances', 'state="ejected"')).toBe(1);
    expect(total(after, 'gateway_upstream_instances', 'state="unhealthy"')).toBe(0);
    expect(total(after, 'gateway_upstream_ejections_total', 'upstream="crm"')).toBe(1);
    const told = (await gateway.lines('combined')).filter(({ state }) => state !== undefined);
    expect(told).toMatchObject([
      { level: 'warn', message: 'an instance of crm is ejected', upstream: 'crm', instance: a.url, state: 'ejected' },
    ]);
  });
});
