import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { countAnswers, sendRaw } from '../support/raw-client.ts';
import { deadUpstream, type RawUpstream, rawUpstream, type Script, silent } from '../support/raw-upstream.ts';
import { unacceptingUpstream } from '../support/unaccepting-upstream.ts';
import { until } from '../support/until.ts';

let gateway: TestGateway;
let upstream: RawUpstream | undefined;

afterEach(async () => {
  await gateway.stop();
  await upstream?.stop();
  upstream = undefined;
});

async function startWith(script: Script, settings: Record<string, unknown> = {}) {
  upstream = await rawUpstream(script);
  gateway = await startGateway({ upstreams: { crm: { url: `http://127.0.0.1:${upstream.port}`, ...settings } } });
}

const ask = () => call(`${gateway.url}/open/crm/x`);

describe('an upstream that can not be reached', () => {
  it.each(['127.0.0.1', 'localhost'])('at %s is answered with 502 upstream_connect_failed', async (host) => {
    gateway = await startGateway({ upstreams: { crm: { url: `http://${host}:${await deadUpstream()}` } } });
    const answer = await ask();
    expect(answer.status).toBe(502);
    expect(reasonOf(answer)).toBe('upstream_connect_failed');
    expect(answer.body.toString()).not.toMatch(/127\.0\.0\.1|localhost|ECONN/);
  });

  it('because its name does not exist is answered with 502 upstream_connect_failed', async () => {
    gateway = await startGateway({ upstreams: { crm: { url: 'http://no-such-service.invalid:80' } } });
    expect(reasonOf(await ask())).toBe('upstream_connect_failed');
  });

  it('because it speaks no TLS is answered with 502 upstream_connect_failed', async () => {
    upstream = await rawUpstream(silent);
    const plain = createServer((socket) => {
      // Who does not read does not see the end.
      socket.on('error', () => undefined).resume();
      socket.end('HTTP/1.1 400 no\r\n\r\n');
    });
    await once(plain.listen(0, '127.0.0.1'), 'listening');
    gateway = await startGateway({
      upstreams: { crm: { url: `https://127.0.0.1:${(plain.address() as AddressInfo).port}` } },
    });
    expect(reasonOf(await ask())).toBe('upstream_connect_failed');
    plain.close();
  });

  it.each([{ connectTimeoutMs: 300 }, { connectTimeoutMs: 20_000, totalTimeoutMs: 300 }])(
    'because it accepts no connection is answered with 504 upstream_connect_timeout (%p)',
    async (timeouts) => {
      const full = await unacceptingUpstream();
      const url = `http://127.0.0.1:${full.port}`;
      gateway = await startGateway({ upstreams: { crm: { url, ...timeouts } } });
      const startedAt = performance.now();
      const answer = await ask();
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      expect(answer.status).toBe(504);
      expect(reasonOf(answer)).toBe('upstream_connect_timeout');
      expect((await breakerOf(gateway)).failures).toBe(1);
      await full.stop();
    },
  );

  it('has no connection left that is still being made when the worker stops', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const full = await unacceptingUpstream();
    const before = sockets();
    const url = `http://127.0.0.1:${full.port}`;
    gateway = await startGateway({ upstreams: { crm: { url, connectTimeoutMs: 20_000, totalTimeoutMs: 300 } } });
    expect((await ask()).status).toBe(504);
    expect(sockets()).toBeGreaterThan(before);
    await gateway.stop();
    // Long before the end of connectTimeoutMs.
    await until('no socket of the gateway', () => sockets() <= before, { withinMs: 9000 });
    await full.stop();
  });
});

describe('an upstream that answers no request', () => {
  it('is answered with 504 upstream_response_timeout at the deadline, and keeps no connection', async () => {
    await startWith(silent, { headTimeoutMs: 400 });
    const startedAt = performance.now();
    const answer = await ask();
    expect(answer.status).toBe(504);
    expect(reasonOf(answer)).toBe('upstream_response_timeout');
    expect(performance.now() - startedAt).toBeGreaterThan(390);
    await until('no connection at the upstream', () => upstream?.connectionCount() === 0);
    expect(upstream?.requestCount()).toBe(1);
  });

  it('is given no more time by interim answers', async () => {
    const dripping = new Set<NodeJS.Timeout>();
    await startWith(
      (socket) => {
        const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), 20);
        dripping.add(timer);
        socket.on('close', () => clearInterval(timer));
      },
      { headTimeoutMs: 400 },
    );
    expect(reasonOf(await ask())).toBe('upstream_response_timeout');
    await until('no connection at the upstream', () => upstream?.connectionCount() === 0);
    for (const timer of dripping) clearInterval(timer);
  });
});

type Ending = (socket: Socket) => unknown;
const endings: readonly [string, Ending][] = [
  ['FIN', (socket) => socket.end()],
  ['RST', (socket) => socket.resetAndDestroy()],
];
const framings: readonly [string, string][] = [
  ['Content-Length', 'Content-Length: 1000\r\n\r\n'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n3e8\r\n'],
  ['Content-Length and gzip', 'Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n'],
  ['Content-Length and Connection: close', 'Connection: close\r\nContent-Length: 1000\r\n\r\n'],
  ['chunks and Connection: close', 'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n'],
];
const cases = framings.flatMap(([framing, headers]) => endings.map(([name, end]) => ({ framing, headers, name, end })));

describe('an upstream that breaks off within a body', () => {
  it.each(cases)('of $framing by $name leaves the client with a broken answer, never a whole one', async (one) => {
    await startWith((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\n${one.headers}${'x'.repeat(400)}`, () => one.end(socket)),
    );
    const answer = await ask();
    expect(answer.status === 200 || answer.status === 0).toBe(true);
    expect(answer.failure).toBeDefined();
    expect(answer.body.length).toBeLessThan(1000);
    const line = await until('its log line', async () => (await gateway.lines('access')).at(-1));
    expect(line).toMatchObject({ truncated: true, upstreamStatus: 200, upstream: 'crm' });
    expect((await breakerOf(gateway)).failures).toBe(0);
  });

  it.each(endings)('by %s leaves a kept-alive client connection without a second answer on it', async (_name, end) => {
    await startWith((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', () => end(socket)));
    const request = 'GET /open/crm/x HTTP/1.1\r\nHost: a\r\n\r\n';
    const { text, isClosed } = await sendRaw(gateway.port, request + request);
    expect(isClosed).toBe(true);
    expect(countAnswers(text)).toBeLessThanOrEqual(1);
    expect(text).not.toContain('problem+json');
  });

  it('by RST is noticed even where the end of the connection would be the end of the body', async () => {
    await startWith((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf', () => socket.resetAndDestroy());
    });
    for (let n = 0; n < 10; n++) {
      const answer = await ask();
      // The kernel may throw the head away too, and then it is a 502.
      expect(answer.failure !== undefined || answer.status === 502).toBe(true);
    }
  });

  it('after the last byte does not spoil the answer', async () => {
    await startWith((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'));
    for (let n = 0; n < 20; n++) expect(await ask()).toMatchObject({ status: 200, failure: undefined });
  });

  it('by silence is cut after idleTimeoutMs', async () => {
    await startWith((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'), {
      idleTimeoutMs: 300,
    });
    const answer = await ask();
    expect(answer).toMatchObject({ status: 200, failure: 'ECONNRESET' });
    expect(answer.body.toString()).toBe('half');
    await until('no connection at the upstream', () => upstream?.connectionCount() === 0);
    expect((await gateway.lines('access')).at(-1)).toMatchObject({ status: 200, truncated: true });
  });
});
