import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { gatewayFileSchema, type UpstreamSettings } from '../../src/config/schema.ts';
import { beginRequest } from '../../src/observe/begin-request.ts';
import { connectUpstream } from '../../src/upstream/connect-upstream.ts';
import { breakerOf } from '../support/breaker-of.ts';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { leavingClient } from '../support/leaving-client.ts';
import { type RawUpstream, rawUpstream, type Script, silent } from '../support/raw-upstream.ts';
import { unacceptingUpstream } from '../support/unaccepting-upstream.ts';
import { until } from '../support/until.ts';

let gateway: TestGateway;
let upstream: RawUpstream;

afterEach(async () => {
  await gateway.stop();
  await upstream.stop();
});

async function start(script: Script, settings: Record<string, unknown> = {}) {
  upstream = await rawUpstream(script);
  gateway = await startGateway({ upstreams: { crm: { url: `http://127.0.0.1:${upstream.port}`, ...settings } } });
}

const GET = 'GET /open/crm/x HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (framing: string) => `POST /open/crm/x HTTP/1.1\r\nHost: a\r\n${framing}`;
const noConnection = () => until('no connection at the upstream', () => upstream.connectionCount() === 0);
const lastLine = async () => (await gateway.lines('access')).filter(({ route }) => route !== undefined).at(-1);
const endless: Script = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
};

describe('a client that leaves', () => {
  it('before the head ends the call at the upstream, and is logged as 499 client_closed', async () => {
    await start(silent);
    await leavingClient({ port: gateway.port, bytes: GET, waitFor: () => upstream.requestCount() === 1 });
    await noConnection();
    expect(await lastLine()).toMatchObject({ status: 499, reason: 'client_closed', upstream: 'crm' });
    expect(upstream.requestCount()).toBe(1);
  });

  it('within the body ends the call at the upstream, and is logged as 499 client_closed', async () => {
    await start(endless);
    await leavingClient({ port: gateway.port, bytes: GET, waitFor: (received) => received.includes('first') });
    await noConnection();
    expect(await lastLine()).toMatchObject({ status: 499, reason: 'client_closed', upstreamStatus: 200 });
  });

  it('while it is too slow to read ends the call at the upstream', async () => {
    const flood = Buffer.alloc(64 * 1024 * 1024, 'x');
    await start((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${flood.length}\r\n\r\n`);
      socket.write(flood);
    });
    await leavingClient({ port: gateway.port, bytes: GET, waitFor: (received) => received !== '' });
    await noConnection();
  });

  it.each([
    ['of a declared length', 'Content-Length: 100000\r\n\r\nbegin'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n'],
  ])('within an upload %s ends the call at the upstream', async (_, framing) => {
    await start(silent);
    await leavingClient({ port: gateway.port, bytes: post(framing), waitFor: () => upstream.requestCount() === 1 });
    await noConnection();
    expect(await lastLine()).toMatchObject({ status: 499, reason: 'client_closed' });
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0, successes: 0 });
  });

  it('while a connection is being made says nothing about the upstream', async () => {
    const full = await unacceptingUpstream();
    upstream = { ...full, requestCount: () => 0, connectionCount: () => 0 };
    const url = `http://127.0.0.1:${full.port}`;
    gateway = await startGateway({ upstreams: { crm: { url, connectTimeoutMs: 20_000 } } });
    // What is asked later is answered later: by then the requests wait for their connections.
    const isWaiting = async () => (await call(`${gateway.url}/health/live`)).status === 200;
    await leavingClient({ port: gateway.port, bytes: GET.repeat(5), waitFor: isWaiting });
    await until('the log line', async () => (await lastLine())?.status === 499);
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0, successes: 0 });
  });

  it('while an earlier stage works never reaches the upstream', async () => {
    await start(silent);
    const url = `http://127.0.0.1:${upstream.port}`;
    const { upstreams } = gatewayFileSchema.parse({
      upstreams: { crm: { url } },
      routes: [{ path: '/x', upstream: 'crm' }],
    });
    const settings = upstreams.crm as UpstreamSettings;
    const connected = connectUpstream({
      name: 'crm',
      settings,
      connectTimeoutMs: 1000,
      sendTimeoutMs: 1000,
      outgoingHeaders: () => [],
      webSockets: { faultOfAnswer: () => undefined, open: () => undefined },
      resolve: () => Promise.reject(new Error('an address needs no looking up')),
      clock: () => performance.now(),
      isLate: () => false,
      random: Math.random,
      logger: { info: () => undefined, warn: () => undefined },
    });
    const begin = beginRequest({ isTrustedProxy: () => false, clock: () => 0 });
    const { promise: outcome, resolve } = Promise.withResolvers<unknown>();
    const server = express()
      .use(begin, (req, res) => {
        res.once('close', () => setImmediate(() => resolve(connected.forward(req, res).catch((error) => error))));
        isReached = true;
      })
      .listen(0, '127.0.0.1');
    let isReached = false;
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await leavingClient({ port, bytes: GET, waitFor: () => isReached });
    expect(await outcome).toMatchObject({ reason: 'client_closed' });
    expect(upstream.connectionCount()).toBe(0);
    await connected.close();
    server.close();
    await once(server, 'close');
  });

  it('leaves nothing behind, two hundred times at each stage', async () => {
    await start((socket, head) => {
      if (head.includes('/stream')) endless(socket, head);
      if (head.includes('/ok')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    const stages = [
      { bytes: GET, waitFor: () => true },
      { bytes: GET.replace('/x', '/stream'), waitFor: (received: string) => received.includes('first') },
      { bytes: post('Content-Length: 100000\r\n\r\nbegin'), waitFor: () => true },
      { bytes: post('Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n'), waitFor: () => true },
    ];
    const timersBefore = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    for (const stage of stages) {
      const lane = async () => {
        for (let n = 0; n < 20; n++) await leavingClient({ port: gateway.port, ...stage });
      };
      await Promise.all(Array.from({ length: 10 }, lane));
    }
    await noConnection();
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', openings: 0, failures: 0 });
    expect(await call(`${gateway.url}/open/crm/ok`)).toMatchObject({ status: 200, failure: undefined });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await until('no timer of theirs', () => timers() <= timersBefore + 10);
  });
});
