import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';
import { acceptLine, handshakeLines, openSocket } from '../support/websocket-client.ts';
import { startUpgrader, startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

let gateway: TestGateway;
const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await gateway.stop();
  for (const server of started.splice(0)) await server.stop();
});

async function startBefore(port: number, websocket: Record<string, number>): Promise<void> {
  const route = { path: '/open/live/*', upstream: 'live', stripPrefix: '/open/live', auth: 'none' };
  gateway = await startGateway({ upstreams: { live: port }, routes: [{ ...route, websocket }] });
}

async function startWithService(websocket: Record<string, number>): Promise<WebSocketService> {
  const service = await startWebSocketService();
  started.push(service);
  await startBefore(service.port, websocket);
  return service;
}

/** A service that has made its handshake, and now says what a test lets it say. */
async function startWithBareService(websocket: Record<string, number>) {
  const connections: Socket[] = [];
  const service = await startUpgrader((socket) => {
    socket.write(`HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${acceptLine}\r\n\r\n`);
    connections.push(socket);
  });
  started.push(service);
  await startBefore(service.port, websocket);
  return { service, connections };
}

const open = () => openSocket(`${gateway.url}/open/live/x`);

/** A client that has made its handshake, with the bytes that came behind the answer to it. */
async function openBare() {
  const socket = createConnection({ port: gateway.port, host: '127.0.0.1' });
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  socket.write(rawRequest({ target: '/open/live/x', lines: handshakeLines }));
  await until('the 101', () => text.includes('\r\n\r\n'));
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  return { socket, bytes: () => Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1') };
}

/** Why the only WebSocket ended. */
async function end(): Promise<unknown> {
  const [line, ...more] = await until('its line', async () => {
    const lines = await gateway.lines('access');
    return lines.length > 0 && lines;
  });
  expect(more).toEqual([]);
  return line?.webSocketEnd;
}

describe('a silent client', () => {
  it('is sent pings, and stays for as long as it answers them', async () => {
    const service = await startWithService({ pingIntervalMs: 60 });
    const { ws } = await open();
    let pings = 0;
    ws.on('ping', () => pings++);
    await until('five pings', () => pings >= 5);
    expect(ws.readyState).toBe(ws.OPEN);
    // The service sees pongs that it did not ask for, which is allowed. @see RFC 6455 §5.5.3
    await until('the pongs at the service', () => service.received.pongs.length >= 4);
    ws.terminate();
  });

  it('is cut off when it does not answer', async () => {
    const service = await startWithService({ pingIntervalMs: 60 });
    const { socket, bytes } = await openBare();
    await once(socket, 'end');
    expect([...bytes()]).toEqual([0x89, 0]);
    await until('the service to know', () => service.received.codes.length > 0);
    expect(service.received.codes).toEqual([1006]);
    expect(await end()).toBe('unanswered_ping');
  });

  it('is not asked again when the service has asked, and is cut off when it does not answer that', async () => {
    const { connections } = await startWithBareService({ pingIntervalMs: 300 });
    const { socket, bytes } = await openBare();
    connections[0]?.write(Buffer.from([0x89, 1, 7]));
    await once(socket, 'end');
    expect([...bytes()]).toEqual([0x89, 1, 7]);
    expect(await end()).toBe('unanswered_ping');
  });

  it('is cut off however often the service goes on asking', async () => {
    const { connections } = await startWithBareService({ pingIntervalMs: 300 });
    const { socket } = await openBare();
    const asking = setInterval(() => connections[0]?.write(Buffer.from([0x89, 0])), 50);
    await once(socket, 'end');
    clearInterval(asking);
    expect(await end()).toBe('unanswered_ping');
  });

  it('is not gone while it still reads what lies before the ping', async () => {
    const { connections } = await startWithBareService({ pingIntervalMs: 60 });
    const { socket, bytes } = await openBare();
    const long = Buffer.alloc(100_004);
    long.set([0x82, 127, 0, 0, 0, 0, 0, 1, 0x86, 0x9a]);
    connections[0]?.write(long);
    await until('five pings', () => bytes().length >= long.length + 10);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });

  it('is sent no ping in the middle of a message', async () => {
    const { connections } = await startWithBareService({ pingIntervalMs: 60 });
    const { socket, bytes } = await openBare();
    const [service] = connections;
    service?.write(Buffer.from([0x82, 5, 1, 2]));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([...bytes()]).toEqual([0x82, 5, 1, 2]);
    // The end of one frame and the beginning of the next.
    service?.write(Buffer.from([3, 4, 5, 0x82, 1]));
    await until('the rest', () => bytes().length >= 9);
    expect([...bytes()]).toEqual([0x82, 5, 1, 2, 3, 4, 5, 0x89, 0, 0x82, 1]);
    socket.destroy();
  });
});

describe('a WebSocket on which nothing happens', () => {
  it('is closed with 1001 at both ends, pings or not', async () => {
    const service = await startWithService({ pingIntervalMs: 50, idleTimeoutMs: 300 });
    const socket = await open();
    expect(await socket.closed).toBe(1001);
    await until('the service to know', () => service.received.codes.length > 0);
    expect(service.received.codes).toEqual([1001]);
    expect(await end()).toBe('idle');
  });

  it.each(['client', 'service'] as const)('stays open while the %s says something now and then', async (who) => {
    const service = await startWithService({ idleTimeoutMs: 300 });
    const { ws } = await open();
    const [own] = service.sockets;
    for (let n = 0; n < 8; n++) {
      if (who === 'client') ws.send('x');
      else own?.send('x');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(ws.readyState).toBe(ws.OPEN);
    ws.terminate();
  });

  it('is cut when the ends do not answer the close', async () => {
    const { service, connections } = await startWithBareService({ idleTimeoutMs: 100 });
    const { socket, bytes } = await openBare();
    const told: number[] = [];
    connections[0]?.on('data', (chunk: Buffer) => told.push(...chunk));
    await once(socket, 'close');
    const [first, length, ...rest] = told;
    const mask = rest.splice(0, 4);
    expect([first, length, ...rest.map((byte, n) => byte ^ (mask[n] ?? 0))]).toEqual([
      0x88,
      0x82,
      1001 >> 8,
      1001 & 255,
    ]);
    expect([...bytes()]).toEqual([0x88, 2, 1001 >> 8, 1001 & 255]);
    await until('the connection to the service to be cut', () => service.connectionCount() === 0);
    expect(await end()).toBe('idle');
  });
});

describe('bytes that are no WebSocket frames', () => {
  it.each([
    ['a client', 'an unmasked frame', [0x81, 1, 65]],
    ['a client', 'a reserved opcode', [0x83, 0x80, 0, 0, 0, 0]],
    ['a client', 'another request', [...Buffer.from('GET /admin HTTP/1.1\r\n\r\n')]],
    ['a client', 'a long control frame', [0x89, 0xfe, 0, 126, 0, 0, 0, 0]],
    ['a client', 'a control frame in parts', [0x09, 0x80, 0, 0, 0, 0]],
    ['a client', 'an impossible length', [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a service', 'a masked frame', [0x81, 0x80, 0, 0, 0, 0]],
    ['a service', 'another answer', [...Buffer.from('HTTP/1.1 200 OK\r\n\r\n')]],
  ])('of %s cut the connection: %s', async (who, _what, bytes) => {
    const { connections, service } = await startWithBareService({});
    const client = await openBare();
    let received = '';
    connections[0]?.on('data', (chunk) => {
      received += chunk;
    });
    (who === 'a client' ? client.socket : connections[0])?.write(Buffer.from(bytes));
    await once(client.socket, 'close');
    await until('the connection to the service to be cut', () => service.connectionCount() === 0);
    expect([received, client.bytes().length]).toEqual(['', 0]);
    expect(await end()).toBe('protocol_error');
  });
});
