import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../support/free-port.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { parseAnswer } from '../support/raw-client.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

let crm: RecordingBackend;
let gateway: GatewayProcess;
/** Answers that the service has not given yet. */
let held: ServerResponse[];

beforeEach(async () => {
  held = [];
  crm = await startRecordingBackend((_req, res) => void held.push(res));
});
afterEach(async () => {
  if (gateway.isRunning()) await gateway.stop();
  await crm.stop();
});

async function start(env: Record<string, string> = {}): Promise<void> {
  gateway = await startGatewayProcess({
    file: {
      upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } },
      routes: [{ path: '/open/*', upstream: 'crm', stripPrefix: '/open', auth: 'none' }],
    },
    env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(await freePort()), ...env },
  });
}

/** A kept-alive connection, one answer at a time. */
async function connect() {
  const socket = createConnection({ port: Number(new URL(gateway.url).port), host: '127.0.0.1' });
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  return {
    socket,
    async get(path: string) {
      text = '';
      socket.write(`GET ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`);
      const isWhole = () => text.includes('\r\n\r\n') && (socket.closed || text.endsWith('}') || text.endsWith('late'));
      await until('an answer', isWhole);
      return parseAnswer(text);
    },
  };
}

const isRefused = () =>
  new Promise<boolean>((resolve) => {
    const socket: Socket = createConnection({ port: Number(new URL(gateway.url).port), host: '127.0.0.1' });
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });

describe('a worker that is asked to stop', () => {
  it.each(['SIGTERM', 'SIGINT', 'shutdown'] as const)(
    'finishes what it has begun, takes nothing new and exits 0 (%s)',
    async (how) => {
      await start();
      const [idle, busy] = [await connect(), await connect()];
      expect((await idle.get('/health/ready')).status).toBe(200);
      const late = busy.get('/open/slow');
      const [answer] = await until('the service to be asked', () => held.length === 1 && held);
      const end = gateway.stop(how);
      await until('new connections to be refused', isRefused);

      const ready = await idle.get('/health/ready');
      expect(ready).toMatchObject({ status: 503, headers: { connection: 'close' } });
      answer?.end('late');
      expect(await late).toMatchObject({ status: 200, body: expect.stringContaining('late') });
      expect((await late).headers.connection).toBe('close');

      expect((await end).code).toBe(0);
      const messages = (await gateway.lines()).map(({ message, path }) => path ?? message);
      expect(messages.slice(-1)).toEqual(['stopped']);
      expect(messages).toContain('/open/slow');
    },
  );

  it('reports itself unhealthy while it drains', async () => {
    await start();
    const [idle, busy] = [await connect(), await connect()];
    const late = busy.get('/open/slow');
    const [answer] = await until('the service to be asked', () => held.length === 1 && held);
    const end = gateway.stop();
    await until('new connections to be refused', isRefused);
    const { status, body } = await idle.get('/health');
    expect([status, JSON.parse(body)]).toMatchObject([503, { status: 'unhealthy' }]);
    answer?.end('late');
    await late;
    await end;
  });

  it('cuts what is still busy when the grace period is over, and exits 0', async () => {
    await start({ SHUTDOWN_GRACE_MS: '300' });
    const { socket } = await connect();
    socket.write('GET /open/never HTTP/1.1\r\nHost: gateway\r\n\r\n');
    await until('the service to be asked', () => held.length === 1);
    const [{ code }] = await Promise.all([gateway.stop(), once(socket, 'close')]);
    expect(code).toBe(0);
    await until('the service to be rid of the request', () => crm.connectionCount() === 0);
  });

  it('resets a connection on which the end of the body is the end of the connection, so that half an answer looks like it', async () => {
    await start({ SHUTDOWN_GRACE_MS: '300' });
    const { socket } = await connect();
    let error: NodeJS.ErrnoException | undefined;
    socket.on('error', (cause) => {
      error = cause;
    });
    socket.write('GET /open/half HTTP/1.0\r\nHost: gateway\r\n\r\n');
    await until('the service to be asked', () => held.length === 1);
    held[0]?.write('half');
    await until('half an answer', () => socket.bytesRead > 0);
    await Promise.all([gateway.stop(), new Promise((resolve) => socket.once('close', resolve))]);
    expect(error?.code).toBe('ECONNRESET');
  });

  it.each(['after a request', 'from the beginning'])(
    'does not wait for connections that are silent %s',
    async (since) => {
      // Far longer than the test may take.
      await start({ SHUTDOWN_GRACE_MS: '60000' });
      const { socket, get } = await connect();
      if (since === 'after a request') await get('/health');
      const [{ code }] = await Promise.all([gateway.stop(), once(socket, 'close')]);
      expect(code).toBe(0);
    },
  );
});
