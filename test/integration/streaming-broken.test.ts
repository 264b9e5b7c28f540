import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { quickest } from '../support/quickest.ts';
import { rawRequest } from '../support/raw-request.ts';
import { type RawUpstream, rawUpstream, type Script } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;
/** The bound, from the client's end to the end at the service. */
const CANCEL_MS = 100;

let gateway: TestGateway;
let upstream: RawUpstream;
const clients: Socket[] = [];

afterEach(async () => {
  for (const socket of clients.splice(0)) socket.destroy();
  await gateway.stop();
  await upstream.stop();
});

async function start(script: Script, settings: { upstream?: object; server?: Record<string, unknown> } = {}) {
  upstream = await rawUpstream(script);
  const url = `http://127.0.0.1:${upstream.port}`;
  gateway = await startGateway({
    upstreams: { crm: { url, ...settings.upstream } },
    ...(settings.server === undefined ? {} : { server: settings.server }),
  });
}

/** A client of HTTP/1.0, to which only the end of the connection ends a body. */
async function oldClient() {
  const socket = connect(gateway.port, '127.0.0.1');
  clients.push(socket);
  let text = '';
  let end: 'FIN' | 'RST' | undefined;
  socket.on('error', () => {
    end = 'RST';
  });
  socket.on('end', () => {
    end = 'FIN';
  });
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.write(rawRequest({ version: 'HTTP/1.0' }));
  await until('the beginning', () => text.includes('half'));
  return { socket, ended: () => until('the end', () => end) };
}

const HALVES: readonly [string, string][] = [
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ['the connection', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf'],
];

describe('an answer to a client of HTTP/1.0', () => {
  it.each(HALVES)('that the service ends by %s in order ends in order', async (framing, half) => {
    await start((socket) => {
      socket.write(half, () => socket.end(framing === 'chunks' ? '0\r\n\r\n' : ''));
    });
    expect(await (await oldClient()).ended()).toBe('FIN');
  });

  it.each(HALVES)('that breaks off within %s ends with a reset, or it would look complete', async (_framing, half) => {
    const sockets: Socket[] = [];
    await start((socket) => {
      sockets.push(socket);
      socket.write(half);
    });
    const client = await oldClient();
    sockets[0]?.resetAndDestroy();
    expect(await client.ended()).toBe('RST');
  });

  it('that is silent for idleTimeoutMs ends with a reset', async () => {
    await start((socket) => void socket.write(HALVES[0]?.[1] ?? ''), { upstream: { idleTimeoutMs: 200 } });
    expect(await (await oldClient()).ended()).toBe('RST');
  });

  it('that takes longer than totalTimeoutMs ends with a reset', async () => {
    await start((socket) => void socket.write(HALVES[0]?.[1] ?? ''), { upstream: { totalTimeoutMs: 400 } });
    expect(await (await oldClient()).ended()).toBe('RST');
  });

  it('that its client does not take for sendTimeoutMs ends with a reset', async () => {
    await start(
      (socket) => void socket.write(Buffer.concat([Buffer.from(HALVES[1]?.[1] ?? ''), Buffer.alloc(64 * MIB)])),
      { server: { sendTimeoutMs: 300 } },
    );
    const client = await oldClient();
    client.socket.pause();
    await until('the end at the service', () => upstream.connectionCount() === 0);
    client.socket.resume();
    expect(await client.ended()).toBe('RST');
  });
});

describe('a client that leaves', () => {
  it.each([
    ['an upload', `${rawRequest({ method: 'POST', lines: ['Content-Length: 1000000'] })}begin`],
    ['the wait for the answer', rawRequest()],
    ['a download', rawRequest({ target: '/open/crm/stream' })],
  ])('in %s ends the work at the service within 100 ms', async (_when, bytes) => {
    const isDownload = bytes.includes('/stream');
    let ended: Promise<unknown> | undefined;
    const hasBegun = () => ended !== undefined;
    await start((socket) => {
      ended = once(socket, 'close');
      if (isDownload) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf');
    });
    const took = await quickest(CANCEL_MS, async () => {
      ended = undefined;
      let text = '';
      const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
      clients.push(socket);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.write(bytes);
      await until('the request', hasBegun);
      if (isDownload) await until('the answer', () => text.endsWith('half'));
      const leftAt = performance.now();
      socket.destroy();
      await ended;
      return performance.now() - leftAt;
    });
    expect(took).toBeLessThan(CANCEL_MS);
  });
});
