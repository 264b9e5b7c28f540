import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage, type RequestListener, request } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, rawUpstream, type Script } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;

let gateway: TestGateway;
let backend: RecordingBackend | RawUpstream;

afterEach(async () => {
  await gateway.stop();
  await backend.stop();
});

async function startBehind(service: RecordingBackend | RawUpstream, settings: Record<string, unknown> = {}) {
  backend = service;
  gateway = await startGateway({ upstreams: { crm: { url: `http://127.0.0.1:${backend.port}`, ...settings } } });
}

const startHttp = async (answer: RequestListener, settings = {}) =>
  startBehind(await startRecordingBackend(answer), settings);
const startRaw = async (script: Script, settings = {}) => startBehind(await rawUpstream(script), settings);

const url = () => `${gateway.url}/open/crm/x`;

/** The answer to a GET, as soon as its head is here. Its body waits until somebody reads it. */
async function headOf(path = url()): Promise<IncomingMessage> {
  const [res] = (await once(get(path, { agent: false }), 'response')) as [IncomingMessage];
  return res;
}

describe('a streamed answer', () => {
  it('shows its head before it has a body, as an event stream needs it', async () => {
    let send = (_text: string) => {};
    await startHttp((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      send = (text) => void res.write(text);
    });
    const res = await headOf();
    expect(res.headers['content-type']).toBe('text/event-stream');
    let seen = '';
    res.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      send(event);
      await until('the event', () => seen.endsWith(event));
    }
    res.destroy();
  });

  it('arrives whole when its client reads slowly, far beyond idleTimeoutMs, and counts as a success', async () => {
    const body = randomBytes(24 * MIB);
    await startHttp((_req, res) => void res.end(body), { idleTimeoutMs: 300 });
    const res = await headOf();
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of res as AsyncIterable<Buffer>) {
      if (bytes === 0) await sleep(2000);
      bytes += chunk.length;
      hash.update(chunk);
    }
    expect(bytes).toBe(body.length);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0, successes: 1 });
    expect((await gateway.lines('access'))[0]).toMatchObject({ status: 200, upstreamStatus: 200 });
  });

  it('fills no memory while its client does not read', async () => {
    const endless = Buffer.alloc(MIB, 'x');
    let produced = 0;
    await startHttp((_req, res) => {
      const produce = () => {
        do produced += endless.length;
        while (res.write(endless));
      };
      res.on('drain', produce);
      produce();
    });
    const res = await headOf();
    const before = process.memoryUsage().arrayBuffers;
    // What four socket buffers of the kernel hold passes; then nothing moves.
    let last = -1;
    const standsStill = () => {
      const before = last;
      last = produced;
      return last === before;
    };
    await until('the upstream to stand still', standsStill, { everyMs: 300 });
    expect(produced).toBeLessThan(64 * MIB);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
    res.destroy();
    await until('no connection at the upstream', () => backend.connectionCount() === 0);
  });

  it('of small chunks arrives whole when the upstream has closed and its client reads slowly', async () => {
    const chunks = '5\r\nhello\r\n'.repeat(40_000);
    await startRaw((socket) => {
      socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    });
    const res = await headOf();
    await sleep(300);
    let bytes = 0;
    for await (const chunk of res as AsyncIterable<Buffer>) bytes += chunk.length;
    expect(bytes).toBe(200_000);
  });
});

describe('a streamed upload', () => {
  it('fills no memory while the service does not read', async () => {
    let stalled: Socket | undefined;
    backend = await rawUpstream((socket) => {
      stalled = socket.pause();
    });
    gateway = await startGateway({
      upstreams: { crm: backend.port },
      routes: [{ path: '/open/*', upstream: 'crm', auth: 'none', maxBodyBytes: 1024 * MIB }],
    });
    const req = request(url(), { method: 'POST', agent: false }).on('error', () => undefined);
    const before = process.memoryUsage().arrayBuffers;
    let produced = 0;
    const produce = () => {
      while (produced < 512 * MIB) {
        produced += MIB;
        if (!req.write(Buffer.alloc(MIB))) return;
      }
    };
    req.on('drain', produce);
    produce();
    let last = -1;
    const standsStill = () => {
      const earlier = last;
      last = produced;
      return last === earlier;
    };
    await until('the client to stand still', standsStill, { everyMs: 300 });
    expect(produced).toBeLessThan(64 * MIB);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
    req.destroy();
    // Who does not read does not see the end either.
    stalled?.resume();
    await until('no connection at the upstream', () => backend.connectionCount() === 0);
  });
});

describe('an answer', () => {
  it('of 8 MiB arrives byte by byte', async () => {
    const body = randomBytes(8 * MIB);
    await startHttp((_req, res) => void res.end(body));
    const answer = await call(url());
    expect(answer.failure).toBeUndefined();
    expect(answer.body.equals(body)).toBe(true);
  });

  it('keeps its cookies apart and in order', async () => {
    const cookies = Array.from({ length: 20 }, (_, n) => `c${n}=v${n}; Path=/; Expires=Thu, 01 Jan 2037 00:00:00 GMT`);
    await startHttp((_req, res) => void res.setHeader('set-cookie', cookies).end('ok'));
    expect((await call(url())).headers['set-cookie']).toEqual(cookies);
  });

  it('to HEAD has the headers of the body that it leaves out', async () => {
    await startHttp((_req, res) => void res.writeHead(200, { 'content-length': 12_345 }).end());
    const answer = await call(url(), { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, failure: undefined, headers: { 'content-length': '12345' } });
    expect(answer.body).toHaveLength(0);
  });

  it.each([204, 304])('of %i has no body, and the connection goes on', async (status) => {
    await startRaw((socket, head) => {
      const isPlain = head.includes('/plain');
      socket.write(
        `HTTP/1.1 ${isPlain ? 200 : status} X\r\nETag: "a"\r\n${isPlain ? 'Content-Length: 0\r\n' : ''}\r\n`,
      );
    });
    for (let n = 0; n < 3; n++) {
      const answer = await call(url());
      expect(answer).toMatchObject({ status, failure: undefined, headers: { etag: '"a"' } });
      expect(answer.body).toHaveLength(0);
      expect((await call(`${gateway.url}/open/crm/plain`)).status).toBe(200);
    }
  });

  it.each([204, 304])('of %i that has a body all the same leaves it out and spoils no next answer', async (status) => {
    await startRaw((socket, head) => {
      if (head.includes('/plain')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood');
      else
        socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 39\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nX`);
    });
    for (let n = 0; n < 5; n++) {
      expect((await call(url())).status).toBe(status);
      expect((await call(`${gateway.url}/open/crm/plain`)).body.toString()).toBe('good');
    }
  });

  it('with a length of 0 is complete', async () => {
    await startRaw((socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    expect(await call(url())).toMatchObject({ status: 200, failure: undefined });
  });

  it('that ends with its connection is complete when that closes in order', async () => {
    await startRaw((socket) => void socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'));
    const answer = await call(url());
    expect(answer).toMatchObject({ status: 200, failure: undefined });
    expect(answer.body.toString()).toBe('all of it');
  });
});
