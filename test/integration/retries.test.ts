import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { metricsOf, total } from '../support/metrics-of.ts';
import { deadUpstream, type RawUpstream, rawUpstream, type Script, silent } from '../support/raw-upstream.ts';
import { startInstance, type TestInstance } from '../support/test-instance.ts';
import { until } from '../support/until.ts';

let gateway: TestGateway;
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(urls: readonly string[], settings: Record<string, unknown> = {}) {
  gateway = await startGateway({
    upstreams: { crm: { url: urls.join(','), breaker: { minimumCalls: 100_000 }, ...settings } },
  });
  stops.push(gateway.stop);
}

async function scripted(script: Script): Promise<RawUpstream & { url: string }> {
  const upstream = await rawUpstream(script);
  stops.push(upstream.stop);
  return { ...upstream, url: `http://127.0.0.1:${upstream.port}` };
}

async function healthy(name = 'well'): Promise<TestInstance> {
  const instance = await startInstance(name);
  stops.push(instance.stop);
  return instance;
}

const dead = async () => `http://127.0.0.1:${await deadUpstream()}`;
const ask = (options: Parameters<typeof call>[1] = {}) => call(`${gateway.url}/open/crm/x`, options);
const many = (count: number, options?: Parameters<typeof call>[1]): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, () => ask(options)));
const lastLine = async () => (await gateway.lines('access')).filter(({ upstream }) => upstream !== undefined).at(-1);
const resets: Script = (socket) => void socket.resetAndDestroy();

describe('an upstream that resets every request', () => {
  it('gets no more than a fifth more than its clients sent', async () => {
    const upstream = await scripted(resets);
    await start([upstream.url]);
    for (let n = 0; n < 10; n++) {
      for (const answer of await many(20)) expect([answer.status, reasonOf(answer)]).toEqual([502, 'upstream_reset']);
    }
    expect(upstream.requestCount()).toBeLessThanOrEqual(200 + 40);
    expect(upstream.requestCount()).toBeGreaterThan(200);
    expect((await breakerOf(gateway)).failures).toBe(200);
  });

  it('gets three more in ten seconds when there are few', async () => {
    const upstream = await scripted(resets);
    await start([upstream.url]);
    for (let n = 0; n < 5; n++) await ask();
    expect(upstream.requestCount()).toBe(5 + 3);
  });

  it('gets no more than that from two instances together', async () => {
    const two = [await scripted(resets), await scripted(resets)];
    await start(
      two.map(({ url }) => url),
      { ejection: { maxEjectedPercent: 0 } },
    );
    for (let n = 0; n < 5; n++) await many(20);
    expect(two.reduce((sum, { requestCount }) => sum + requestCount(), 0)).toBeLessThanOrEqual(100 + 20);
  });

  it.each(['POST', 'PATCH'])('gets each %s once', async (method) => {
    const two = [await scripted(resets), await scripted(resets)];
    await start(two.map(({ url }) => url));
    for (const answer of await many(40, { method, body: 'x' })) expect(reasonOf(answer)).toBe('upstream_reset');
    expect(two.reduce((sum, { requestCount }) => sum + requestCount(), 0)).toBe(40);
  });

  it.each([
    ['read ETIMEDOUT', { code: 'ETIMEDOUT', syscall: 'read' }],
    ['read EHOSTUNREACH', { code: 'EHOSTUNREACH', syscall: 'read' }],
    ['bad record mac', { code: 'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC', library: 'SSL routines' }],
  ])('by %s gets a POST once, though such an error may also mean that there was no connection', async (text, error) => {
    const sockets = new Map<number | undefined, Socket>();
    const onConnected = (event: unknown) => {
      const { socket } = event as { socket: Socket };
      sockets.set(socket.localPort, socket);
    };
    subscribe('undici:client:connected', onConnected);
    const fails: Script = (socket) =>
      void sockets.get(socket.remotePort)?.destroy(Object.assign(new Error(text), error));
    const two = [await scripted(fails), await scripted(fails)];
    await start(two.map(({ url }) => url));
    const answer = await ask({ method: 'POST', body: 'x' });
    unsubscribe('undici:client:connected', onConnected);
    expect(reasonOf(answer)).toBe('upstream_reset');
    expect(two.reduce((sum, { requestCount }) => sum + requestCount(), 0)).toBe(1);
  });

  it('after the first bytes of a head gets each request once', async () => {
    const upstream = await scripted((socket) => socket.write('HTTP/1.1 2', () => socket.resetAndDestroy()));
    await start([upstream.url]);
    for (const answer of await many(20)) expect(answer.status).toBe(502);
    expect(upstream.requestCount()).toBe(20);
  });
});

describe('a request that one instance can not serve', () => {
  it('is served by another, when nobody listens', async () => {
    const other = await healthy();
    await start([await dead(), other.url], { ejection: { maxEjectedPercent: 0 }, retry: { minimumRetries: 100 } });
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
      expect(await ask({ method, body: 'x' })).toMatchObject({ status: 200 });
      expect(await ask({ method, body: 'x' })).toMatchObject({ status: 200 });
    }
    expect(other.received).toHaveLength(10);
  });

  it('keeps its body, held or streamed, declared or in chunks', async () => {
    const other = await healthy();
    await start([await dead(), other.url], { ejection: { maxEjectedPercent: 0 }, retry: { minimumRetries: 100 } });
    const large = 'x'.repeat(200_000);
    for (const body of ['small', large, [Buffer.from('in '), Buffer.from('chunks')]]) {
      for (let n = 0; n < 2; n++) {
        const answer = await ask({ method: 'POST', body });
        expect(answer.body.toString()).toBe(`well ${Array.isArray(body) ? 'in chunks' : body}`);
      }
    }
  });

  it('keeps its body when the first has reset the connection', async () => {
    const other = await healthy();
    await start([(await scripted(resets)).url, other.url], { ejection: { maxEjectedPercent: 0 } });
    for (let n = 0; n < 4; n++) {
      expect((await ask({ method: 'PUT', body: 'whole' })).body.toString()).toBe('well whole');
    }
  });

  it('is told of in the access log and the metrics', async () => {
    const other = await healthy();
    await start([(await scripted(resets)).url, other.url]);
    const before = total(await metricsOf(gateway.adminUrl), 'gateway_upstream_retries_total', 'upstream="crm"');
    expect((await ask()).status).toBe(200);
    expect(await lastLine()).toMatchObject({ status: 200, retries: 1, instance: other.url });
    const after = total(await metricsOf(gateway.adminUrl), 'gateway_upstream_retries_total', 'upstream="crm"');
    expect(after - before).toBe(1);
  });

  it('gets the answer that says so, whatever its status, without another try', async () => {
    const upstream = await scripted((socket) => void socket.write('HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n'));
    await start([upstream.url, (await healthy()).url]);
    expect((await ask()).status).toBe(503);
    expect(upstream.requestCount()).toBe(1);
  });
});

describe('tryTimeoutMs', () => {
  it('asks another instance when the first is slow, and cancels what it was doing', async () => {
    const slow = await scripted(silent);
    const other = await healthy();
    await start([slow.url, other.url], { headTimeoutMs: 60_000, retry: { tryTimeoutMs: 200 } });
    const startedAt = performance.now();
    expect((await ask()).body.toString()).toBe('well');
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    await until('no connection at the slow one', () => slow.connectionCount() === 0);
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0, successes: 1 });
  });

  it('tells each instance how long it has', async () => {
    const heads: string[] = [];
    const slow = await scripted((_socket, head) => void heads.push(head));
    const other = await healthy();
    other.answerWith((req, res) => void res.end(req.headers['x-gateway-timeout-ms']));
    await start([slow.url, other.url], { headTimeoutMs: 10_000, totalTimeoutMs: 5000, retry: { tryTimeoutMs: 200 } });
    const left = Number((await ask()).body.toString());
    expect(heads[0]).toMatch(/\r\nx-gateway-timeout-ms: 200$/i);
    expect(left).toBeGreaterThan(1000);
    expect(left).toBeLessThanOrEqual(4800);
  });

  it('does not cut short the wait for the only instance', async () => {
    const slow = await scripted((socket) => {
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 400);
    });
    await start([slow.url], { retry: { tryTimeoutMs: 100 } });
    expect((await ask()).body.toString()).toBe('ok');
    expect(slow.requestCount()).toBe(1);
  });
});
