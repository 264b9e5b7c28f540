import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { WebSocket } from 'ws';
import { bearer, startGateway, type TestGateway } from '../support/gateway.ts';
import { identitySpellings } from '../support/identity-spellings.ts';
import { metricsOf, total } from '../support/metrics-of.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';
import { handshakeLines, openSocket } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

let service: WebSocketService;
let gateway: TestGateway;

async function start(options: Parameters<typeof startWebSocketService>[0] = {}): Promise<void> {
  service = await startWebSocketService(options);
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [
      { path: '/api/live/*', upstream: 'live', stripPrefix: '/api/live', websocket: {} },
      { path: '/open/live/*', upstream: 'live', stripPrefix: '/open/live', auth: 'none', websocket: {} },
    ],
  });
}

afterEach(async () => {
  await gateway.stop();
  await service.stop();
});

const open = (path = '/api/live/x', options: Parameters<typeof openSocket>[1] = { headers: bearer() }) =>
  openSocket(gateway.url + path, options);

describe('a WebSocket', () => {
  it('carries messages both ways, text and binary, with the identity of its caller', async () => {
    await start();
    const socket = await open('/api/live/room%20one?since=1');
    socket.ws.send('hello');
    socket.ws.send(Buffer.from([0, 255, 1]));
    const echoes: Buffer[] = [];
    socket.ws.on('message', (data) => echoes.push(data as Buffer));
    await until('both echoes', () => socket.messages.length === 2);
    expect(socket.messages[0]).toBe('hello');
    expect(echoes.at(-1)).toEqual(Buffer.from([0, 255, 1]));
    const [handshake] = service.handshakes;
    expect(handshake?.url).toBe('/room%20one?since=1');
    expect(handshake?.headers).toMatchObject({
      'x-user-id': 'user-1',
      'x-tenant-id': 'tenant-1',
      'x-forwarded-prefix': '/api/live',
      'x-forwarded-proto': 'http',
      'x-request-id': socket.headers['x-request-id'],
      connection: 'upgrade',
      upgrade: 'websocket',
    });
    socket.ws.close(4321, 'enough');
    expect(await socket.closed).toBe(4321);
    await until('the close of the service', () => service.received.codes.length > 0);
    expect(service.received.codes).toEqual([4321]);
  });

  it('tells the service of its caller what the gateway says, and nothing that the client makes up', async () => {
    await start();
    const forged = identitySpellings.filter((name) => /^x/i.test(name)).map((name) => `${name}: root`);
    const lines = [...handshakeLines, ...forged];
    for (const path of ['/api/live/x', '/open/live/x']) {
      const bytes = rawRequest({ target: path, lines: [...lines, `Authorization: ${bearer().authorization}`] });
      await sendRaw(gateway.port, bytes, { until: (text) => text.includes('\r\n\r\n') });
    }
    const handshakes = await until('both handshakes', () => service.handshakes.length === 2 && service.handshakes);
    for (const { headers, rawHeaders } of handshakes) {
      expect(rawHeaders).not.toContain('root');
      expect(headers['x-user-id']).toBe('user-1');
    }
  });

  it('carries messages of every length as they are, compressed or not', async () => {
    await start({ perMessageDeflate: true });
    const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 3_000_000];
    for (const perMessageDeflate of [true, false]) {
      const socket = await open('/api/live/x', { headers: bearer(), perMessageDeflate });
      expect(socket.headers['sec-websocket-extensions'] !== undefined).toBe(perMessageDeflate);
      const hashes: string[] = [];
      socket.ws.on('message', (data) => hashes.push(hash('sha1', data as Buffer)));
      const sent = lengths.map((length) => randomBytes(length));
      for (const message of sent) socket.ws.send(message);
      await until('all of them back', () => hashes.length === sent.length);
      expect(hashes).toEqual(sent.map((message) => hash('sha1', message)));
      socket.ws.terminate();
    }
  });

  it('leaves one line when it ends, and is counted once', async () => {
    await start();
    const socket = await open('/api/live/x?token=secret');
    expect(total(await metricsOf(gateway.adminUrl), 'gateway_websockets')).toBe(1);
    expect((await gateway.lines('access')).filter(({ path }) => String(path).startsWith('/api'))).toEqual([]);
    socket.ws.send('x'.repeat(1000));
    await until('the echo', () => socket.messages.length === 1);
    socket.ws.close(1000);
    await socket.closed;
    const [line, ...more] = await until('its line', async () => {
      const lines = (await gateway.lines('access')).filter(({ route }) => route === '/api/live/*');
      return lines.length > 0 && lines;
    });
    expect(more).toEqual([]);
    expect(line).toMatchObject({ status: 101, upstreamStatus: 101, user: 'user-1', webSocketEnd: 'closed' });
    expect(line?.path).not.toContain('secret');
    expect(line?.bytes).toBeGreaterThan(1000);
    expect(line?.durationMs).toBeGreaterThan(100);
    expect(line?.reason).toBeUndefined();
    const metrics = await metricsOf(gateway.adminUrl);
    expect(total(metrics, 'gateway_websockets')).toBe(0);
    expect(total(metrics, 'gateway_websockets_ended_total', 'end="closed"')).toBe(1);
    expect(total(metrics, 'gateway_http_requests_total', 'status="101"')).toBe(1);
    expect(total(metrics, 'gateway_http_request_duration_seconds_count', 'route="/api/live/*"')).toBe(0);
    expect(total(metrics, 'gateway_upstream_duration_seconds_count', 'status="1xx"')).toBe(1);
  });

  it('ends for the service at once when its client is gone, and the other way round', async () => {
    await start();
    const times = { client: Number.POSITIVE_INFINITY, service: Number.POSITIVE_INFINITY };
    // The best of some: the machine may be busy with something else.
    for (let n = 1; n <= 5; n++) {
      const leaving = await open();
      const leftAt = performance.now();
      leaving.ws.terminate();
      await until('the service to know', () => service.received.codes.length === 2 * n - 1, { everyMs: 1 });
      times.client = Math.min(times.client, performance.now() - leftAt);
      const staying = await open();
      const cutAt = performance.now();
      for (const socket of service.sockets) socket.terminate();
      expect(await staying.closed).toBe(1006);
      times.service = Math.min(times.service, performance.now() - cutAt);
    }
    expect(new Set(service.received.codes)).toEqual(new Set([1006]));
    expect(Math.max(times.client, times.service)).toBeLessThan(100);
    const ends = await until('ten lines', async () => {
      const lines = await gateway.lines('access');
      return lines.length === 10 && lines.map(({ webSocketEnd }) => webSocketEnd);
    });
    expect(ends).toEqual(Array(5).fill(['client_left', 'upstream_left']).flat());
  });

  it('ends for the service when its client resets the connection', async () => {
    await start();
    const client = createConnection({ port: gateway.port, host: '127.0.0.1' });
    client.write(rawRequest({ target: '/open/live/x', lines: handshakeLines }));
    await once(client, 'data');
    client.resetAndDestroy();
    await until('the service to know', () => service.received.codes.length > 0);
    const [line] = await until('its line', async () => {
      const lines = await gateway.lines('access');
      return lines.length > 0 && lines;
    });
    expect(line).toMatchObject({ status: 101, webSocketEnd: 'client_left' });
  });

  it('still delivers what a service has sent before it left', async () => {
    await start({
      onOpen(socket) {
        socket.send('a'.repeat(200_000));
        socket.send('the end', () => socket.terminate());
      },
    });
    const socket = await open();
    expect(await socket.closed).toBe(1006);
    expect(socket.messages.map(({ length }) => length)).toEqual([200_000, 7]);
  });

  it.each(['service', 'client'] as const)(
    'makes a %s wait that sends faster than the other end reads',
    async (fast) => {
      await start({ onOpen: () => undefined });
      const socket = await open();
      const ends = [socket.ws, ...service.sockets];
      const [from, to] = (fast === 'client' ? ends : ends.toReversed()) as [WebSocket, WebSocket];
      to.pause();
      let count = 0;
      to.on('message', (data: Buffer) => {
        count += data.length;
      });
      const megabyte = Buffer.alloc(1_048_576);
      for (let n = 0; n < 64; n++) from.send(megabyte);
      let before = Number.POSITIVE_INFINITY;
      await until('the sender to stall', async () => {
        const isStalled = from.bufferedAmount === before;
        before = from.bufferedAmount;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return isStalled;
      });
      // What has gone fills the buffers of sockets; of the gateway's own there is a chunk.
      expect(from.bufferedAmount).toBeGreaterThan(40 * megabyte.length);
      to.resume();
      await until('all of it', () => count === 64 * megabyte.length, { withinMs: 20_000 });
    },
  );
});
