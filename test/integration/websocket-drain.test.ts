import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { quickest } from '../support/quickest.ts';
import { parseAnswer } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';
import { acceptLine, handshakeLines, openSocket } from '../support/websocket-client.ts';
import { startUpgrader, startWebSocketService } from '../support/websocket-service.ts';

const SOCKETS = 1000;
/** So long ends have that may still answer. */
const CLOSING_MS = 2000;
const SWITCHING = `HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${acceptLine}\r\n\r\n`;

let gateway: TestGateway;
/** Once a test has begun to stop the gateway. */
let stopping: Promise<void> | undefined;
const services: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await stop();
  stopping = undefined;
  for (const service of services.splice(0)) await service.stop();
});

async function startBefore<T extends { readonly port: number; stop(): Promise<void> }>(
  service: T,
  env: Record<string, string> = {},
): Promise<T> {
  services.push(service);
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [{ path: '/open/*', upstream: 'live', auth: 'none', websocket: {} }],
    websockets: { maxPerAddress: SOCKETS },
    env,
  });
  return service;
}

function stop(): Promise<void> {
  stopping ??= gateway.stop();
  return stopping;
}

const open = () => openSocket(`${gateway.url}/open/x`);

describe('a worker that stops', () => {
  it(`closes ${SOCKETS} WebSockets with 1001 at both ends, and puts each on record`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'psa-logs-'));
    const service = await startBefore(await startWebSocketService(), { LOG_DIR: folder, SHUTDOWN_GRACE_MS: '60000' });
    const sockets = await Promise.all(Array.from({ length: SOCKETS }, open));
    const beganAt = performance.now();
    const drained = stop().then(() => performance.now() - beganAt);
    const codes = await Promise.all(sockets.map(({ closed }) => closed));
    expect(new Set(codes)).toEqual(new Set([1001]));
    await until('the service to know', () => service.received.codes.length === SOCKETS);
    expect(new Set(service.received.codes)).toEqual(new Set([1001]));
    // Long before the end of the grace period, however busy the machine.
    expect(await drained).toBeLessThan(20_000);
    const log = await readFile(join(folder, 'access.log'), 'utf8');
    expect(log.match(/"webSocketEnd":"draining"/g)).toHaveLength(SOCKETS);
    await rm(folder, { recursive: true });
  });

  it('waits a short while only for ends that do not answer', async () => {
    const service = await startBefore(await startUpgrader((socket) => socket.write(SWITCHING)));
    const client = createConnection({ port: gateway.port, host: '127.0.0.1' });
    client.write(rawRequest({ lines: handshakeLines }));
    await once(client, 'data');
    const beganAt = performance.now();
    await stop();
    // The ends of a connection that nobody stops have half a minute.
    expect(performance.now() - beganAt).toBeLessThan(15_000);
    expect(service.connectionCount()).toBe(0);
    client.destroy();
  });

  it('waits for nobody whose client has left instead of answering', async () => {
    const service = await startUpgrader((socket) => socket.write(SWITCHING));
    const tookMs = await quickest(CLOSING_MS, async () => {
      stopping = undefined;
      await startBefore(service);
      const client = createConnection({ port: gateway.port, host: '127.0.0.1' });
      client.write(rawRequest({ lines: handshakeLines }));
      await once(client, 'data');
      client.once('data', () => client.end());
      const beganAt = performance.now();
      await stop();
      await until('the connection to the service to be cut', () => service.connectionCount() === 0);
      return performance.now() - beganAt;
    });
    expect(tookMs).toBeLessThan(CLOSING_MS);
  });

  it('cuts what is still there at the end of the grace period', async () => {
    // It has begun a handshake that its service never answers.
    const service = await startBefore(await startUpgrader(() => undefined), { SHUTDOWN_GRACE_MS: '300' });
    const client = createConnection({ port: gateway.port, host: '127.0.0.1' });
    const closed = once(client, 'close');
    client.on('error', () => undefined).resume();
    client.write(rawRequest({ lines: handshakeLines }));
    await until('the handshake at the service', () => service.connectionCount() > 0);
    const beganAt = performance.now();
    await stop();
    // The grace period of other tests is ten seconds.
    expect(performance.now() - beganAt).toBeLessThan(9000);
    await closed;
  });

  it('refuses new handshakes, and closes one that was under way', async () => {
    const { promise: asked, resolve: goOn } = Promise.withResolvers<() => void>();
    await startBefore(await startUpgrader((socket) => goOn(() => socket.write(SWITCHING))));
    const connect = async () => {
      const socket = createConnection({ port: gateway.port, host: '127.0.0.1' });
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      await once(socket, 'connect');
      return { socket, text: () => text };
    };
    const [early, late] = [await connect(), await connect()];
    early.socket.write(rawRequest({ lines: handshakeLines }));
    const answerEarly = await asked;
    const end = stop();
    late.socket.write(rawRequest({ lines: handshakeLines }));
    await until('a refusal', () => late.text().endsWith('}'));
    const refusal = parseAnswer(late.text());
    expectProblem(refusal, { status: 503, reason: 'draining' });
    expect(refusal.headers['retry-after']).toBe('1');
    answerEarly();
    await once(early.socket, 'close');
    const [head, frames] = early.text().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(Buffer.from(String(frames), 'latin1')).toEqual(Buffer.from([0x88, 2, 1001 >> 8, 1001 & 255]));
    late.socket.destroy();
    await end;
  });
});
