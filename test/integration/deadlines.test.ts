import { once } from 'node:events';
import { Agent } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, rawUpstream } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const HEAD_TIMEOUT_MS = 300;
const MIB = 1024 * 1024;

let gateway: TestGateway;
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function startBehind(port: number, headTimeoutMs = HEAD_TIMEOUT_MS) {
  gateway = await startGateway({
    upstreams: { crm: { url: `http://127.0.0.1:${port}`, headTimeoutMs } },
    routes: [{ path: '/open/*', upstream: 'crm', auth: 'none', maxBodyBytes: 256 * MIB }],
  });
  stops.push(() => gateway.stop());
}

async function recordingBackend(): Promise<RecordingBackend> {
  const backend = await startRecordingBackend();
  stops.push(() => backend.stop());
  return backend;
}

async function scripted(...[script]: Parameters<typeof rawUpstream>): Promise<RawUpstream> {
  const upstream = await rawUpstream(script);
  stops.push(() => upstream.stop());
  return upstream;
}

/** A client that says what comes when. */
async function connected(): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'connect');
  stops.push(async () => socket.destroy());
  return { socket, received: () => text };
}

describe('an upload by a slow client', () => {
  it.each([
    ['of a declared length', 'Content-Length: 10\r\n\r\n', (half: string) => half],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n', (half: string) => `5\r\n${half}\r\n`],
  ])('%s, with pauses above headTimeoutMs, arrives whole and is no failure of the upstream', async (_, end, framed) => {
    const backend = await recordingBackend();
    await startBehind(backend.port);
    const { socket, received } = await connected();
    socket.write(`POST /open/x HTTP/1.1\r\nHost: a\r\n${end}`);
    await sleep(3 * HEAD_TIMEOUT_MS);
    socket.write(framed('first'));
    await sleep(3 * HEAD_TIMEOUT_MS);
    socket.write(framed('later') + (end.includes('chunked') ? '0\r\n\r\n' : ''));
    await until('the answer', () => received().includes('{"ok":true}'));
    expect(received()).toMatch(/^HTTP\/1\.1 200 /);
    expect(backend.requests).toMatchObject([{ body: 'firstlater' }]);
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0, successes: 1 });
  });
});

/** An upstream that reads the head of a request and then its body only as `read` says. */
async function readingUpstream(
  read: (socket: Socket, bytesSoFar: number) => void,
): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ highWaterMark: 16_384 }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.once('data', (first) => read(socket.pause(), first.length));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

describe('an upload to a slow upstream', () => {
  it('ends with 504 upstream_response_timeout when the upstream stops reading', async () => {
    const upstream = await readingUpstream(() => undefined);
    await startBehind(upstream.port);
    const answer = await call(`${gateway.url}/open/x`, { method: 'POST', body: Buffer.alloc(64 * MIB) });
    expect(answer.status).toBe(504);
    expect(reasonOf(answer)).toBe('upstream_response_timeout');
    expect((await breakerOf(gateway)).failures).toBe(1);
  });

  it('goes on for longer than headTimeoutMs as long as the upstream reads', async () => {
    const size = 128 * MIB;
    const durationMs = 2500;
    const upstream = await readingUpstream((socket, bytesSoFar) => {
      let bytes = bytesSoFar;
      const startedAt = performance.now();
      const due = () => (size * (performance.now() - startedAt)) / durationMs;
      const timer = setInterval(() => bytes < due() && socket.resume(), 5);
      socket.on('close', () => clearInterval(timer));
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes > due()) socket.pause();
        if (bytes >= size) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    });
    await startBehind(upstream.port, 1000);
    const startedAt = performance.now();
    const answer = await call(`${gateway.url}/open/x`, { method: 'POST', body: Buffer.alloc(size) });
    expect(answer).toMatchObject({ status: 200, failure: undefined });
    expect(performance.now() - startedAt).toBeGreaterThan(2000);
  });
});

describe('an answer that comes before the upload is complete', () => {
  const refusing = () =>
    scripted((socket) => {
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large');
      socket.pause();
    });

  it('reaches the client as it is', async () => {
    await startBehind((await refusing()).port);
    const { socket, received } = await connected();
    socket.write('POST /open/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin');
    await until('the answer', () => received().endsWith('too large'));
    expect(received()).toMatch(/^HTTP\/1\.1 413 /);
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0, successes: 1 });
  });

  it('closes the connection, on which what is left of the body would stand before the next request', async () => {
    await startBehind((await refusing()).port);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let n = 0; n < 4; n++) {
      const answer = await call(`${gateway.url}/open/x`, { method: 'POST', body: Buffer.alloc(16 * MIB), agent });
      expect(answer).toMatchObject({ status: 413, failure: undefined, headers: { connection: 'close' } });
    }
    agent.destroy();
  });
});
