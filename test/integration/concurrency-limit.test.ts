import { once } from 'node:events';
import { get, request } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { busyUpstream } from '../support/busy-upstream.ts';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type HoldingUpstream, holdingUpstream } from '../support/holding-upstream.ts';
import { metricsOf, total } from '../support/metrics-of.ts';
import { quickest } from '../support/quickest.ts';
import { steadyLoad } from '../support/steady-load.ts';
import { until } from '../support/until.ts';
import { openSocket } from '../support/websocket-client.ts';
import { startWebSocketService } from '../support/websocket-service.ts';

/** What is refused waits for nothing. */
const AT_ONCE_MS = 50;

let crm: HoldingUpstream;
let gateway: TestGateway;
const stops: (() => unknown)[] = [];

async function start(settings: Record<string, unknown>): Promise<void> {
  crm = await holdingUpstream();
  gateway = await startGateway({ upstreams: { crm: { url: `http://127.0.0.1:${crm.port}`, ...settings } } });
  stops.push(gateway.stop, crm.stop);
}

afterEach(async () => {
  crm.open();
  for (const stop of stops.splice(0)) await stop();
});

const ask = (path = '/x', options = {}) => call(`${gateway.url}/open/crm${path}`, options);
const refusalsAmong = (answers: readonly Answer[]) => answers.filter((answer) => reasonOf(answer) === 'overloaded');

/** Sends so many requests at once, of which the upstream gets some. Their answers come when it is released. */
async function holdSome(count: number, held: number): Promise<Promise<Answer>[]> {
  let answered = 0;
  const answers = Array.from({ length: count }, async () => {
    const answer = await ask();
    answered++;
    return answer;
  });
  await until('the upstream to hold them', () => crm.heldCount() === held && answered === count - held);
  return answers;
}

/** How long a refusal takes. */
const refusalMs = () =>
  quickest(AT_ONCE_MS, async () => {
    expect(reasonOf(await ask())).toBe('overloaded');
  });

/** How many requests wait for the upstream, as the metrics tell. */
const underWay = async () => total(await metricsOf(gateway.adminUrl), 'gateway_upstream_requests', 'upstream="crm"');

describe('an upstream at its limit', () => {
  it('gets exactly so many requests at a time; the others are refused at once, and say when to come back', async () => {
    await start({ concurrency: { max: 5, adaptive: false } });
    const answers = await holdSome(5, 5);
    expect(await ask()).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(await refusalMs()).toBeLessThan(AT_ONCE_MS);
    expect(crm.requestCount()).toBe(5);
    crm.release();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const next = await holdSome(8, 5);
    crm.open();
    expect(refusalsAmong(await Promise.all(next))).toHaveLength(3);
  });

  it('keeps its breaker closed through a flood', async () => {
    await start({ concurrency: { max: 2, adaptive: false } });
    const answers = await holdSome(100, 2);
    crm.open();
    expect(refusalsAmong(await Promise.all(answers))).toHaveLength(98);
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0, rejects: 0, openings: 0 });
  });

  it('shows in the metrics, with every refusal', async () => {
    await start({ concurrency: { max: 3, adaptive: false } });
    const answers = await holdSome(10, 3);
    const samples = await metricsOf(gateway.adminUrl);
    expect(total(samples, 'gateway_upstream_requests_limit', 'upstream="crm"')).toBe(3);
    expect(total(samples, 'gateway_upstream_requests', 'upstream="crm"')).toBe(3);
    expect(total(samples, 'gateway_rejections_total', 'reason="overloaded"')).toBe(7);
    crm.release();
    await Promise.all(answers);
    expect(await underWay()).toBe(0);
  });

  it('has a place again when a client leaves', async () => {
    await start({ concurrency: { max: 1, adaptive: false } });
    const leaving = get(`${gateway.url}/open/crm/x`).on('error', () => undefined);
    await until('the request to be held', () => crm.heldCount() === 1);
    leaving.destroy();
    await until('the place to be free', async () => (await underWay()) === 0);
    const [answer] = await holdSome(1, 1);
    crm.open();
    expect((await answer)?.status).toBe(200);
  });

  it('has a place again when a request fails', async () => {
    await start({ concurrency: { max: 1, adaptive: false }, headTimeoutMs: 50, retry: { attempts: 0 } });
    for (let n = 0; n < 3; n++) expect((await ask()).status).toBe(504);
    crm.open();
    expect((await ask()).status).toBe(200);
  });

  it('takes further requests while answers stream', async () => {
    await start({ concurrency: { max: 1, adaptive: false } });
    crm.open();
    const stream = get(`${gateway.url}/open/crm/stream`);
    await once(stream, 'response');
    expect((await ask()).status).toBe(200);
    stream.destroy();
  });

  it('takes further requests while a client sends a long body', async () => {
    await start({ concurrency: { max: 1, adaptive: false } });
    const upload = request(`${gateway.url}/open/crm/x`, { method: 'POST' }).on('error', () => undefined);
    upload.write('the beginning');
    await until('the upload to begin', () => crm.heldCount() === 1);
    const answer = ask();
    await until('the other request', () => crm.heldCount() === 2);
    upload.destroy();
    crm.open();
    expect((await answer).status).toBe(200);
  });

  it('needs no limit of its own to have as many as it has connections', async () => {
    await start({ maxConnections: 4 });
    const answers = await holdSome(10, 4);
    crm.open();
    expect(refusalsAmong(await Promise.all(answers))).toHaveLength(6);
  });
});

describe('the connections to an instance', () => {
  it('are taken by answers that stream: then further requests are refused at once, and not counted against it', async () => {
    await start({ maxConnections: 2 });
    crm.open();
    const streams = [get(`${gateway.url}/open/crm/stream`), get(`${gateway.url}/open/crm/stream`)];
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    expect(await refusalMs()).toBeLessThan(AT_ONCE_MS);
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0 });
    for (const stream of streams) stream.destroy();
    await until('a connection', async () => (await ask()).status === 200);
  });

  it('are not all taken before another instance gets its requests', async () => {
    const other = await holdingUpstream();
    stops.push(other.stop);
    crm = await holdingUpstream();
    const url = [crm, other].map(({ port }) => `http://127.0.0.1:${port}`).join(',');
    gateway = await startGateway({ upstreams: { crm: { url, maxConnections: 2 } } });
    stops.unshift(gateway.stop, crm.stop);
    const answers = Array.from({ length: 5 }, () => ask());
    await until('both to be full', () => crm.heldCount() === 2 && other.heldCount() === 2);
    // Round robin would now send every other request to the one that stays full.
    other.open();
    for (let n = 0; n < 6; n++) expect((await ask()).status).toBe(200);
    crm.open();
    expect(refusalsAmong(await Promise.all(answers))).toHaveLength(1);
  });

  it('are none that WebSockets have', async () => {
    const live = await startWebSocketService();
    gateway = await startGateway({
      upstreams: { live: { url: `http://127.0.0.1:${live.port}`, maxConnections: 1 } },
      routes: [{ path: '/open/*', upstream: 'live', auth: 'none', websocket: {} }],
    });
    stops.push(gateway.stop, live.stop);
    const sockets = [await openSocket(`${gateway.url}/open/a`), await openSocket(`${gateway.url}/open/b`)];
    const plain = await call(`${gateway.url}/open/c`);
    expect(reasonOf(plain)).not.toBe('overloaded');
    for (const { ws } of sockets) ws.close();
    await Promise.all(sockets.map(({ closed }) => closed));
    expect(reasonOf(await call(`${gateway.url}/open/c`))).not.toBe('overloaded');
  });
});

describe('an upstream that makes most requests wait', () => {
  it('is given fewer at a time, does all it can, and has its limit back soon after', async () => {
    // 40 per second.
    const busy = await busyUpstream({ parallel: 2, workMs: 50 });
    const url = `http://127.0.0.1:${busy.port}`;
    gateway = await startGateway({ upstreams: { crm: { url, maxConnections: 16, concurrency: { min: 2 } } } });
    stops.push(gateway.stop, busy.stop);
    const limit = async () => total(await metricsOf(gateway.adminUrl), 'gateway_upstream_requests_limit');
    for (let n = 0; n < 20; n++) await ask();
    expect(await limit()).toBe(16);
    const load = steadyLoad({ url: `${gateway.url}/open/crm/x`, perSecond: 120 });
    stops.unshift(load.stop);
    await until('fewer at a time', async () => (await limit()) <= 8, { withinMs: 15_000, everyMs: 100 });
    const requestsBefore = busy.requestCount();
    const startedAt = performance.now();
    await until('a second of it', () => performance.now() - startedAt > 1000);
    // The timers of a busy machine come late, so it can do less than it says.
    expect(busy.requestCount() - requestsBefore).toBeGreaterThan(20);
    expect((await load.stop()).failed).toBe(0);
    const isWhole = async () => (await ask()).status === 200 && (await limit()) === 16;
    await until('the whole limit', isWhole, { withinMs: 15_000, everyMs: 100 });
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0 });
  }, 60_000);
});
