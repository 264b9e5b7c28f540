import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { sendRaw } from '../support/raw-client.ts';
import { type RawUpstream, rawUpstream, type Script, silent } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { unacceptingUpstream } from '../support/unaccepting-upstream.ts';
import { until } from '../support/until.ts';

const SHORT_MS = 200;
/** So much longer that no machine is slow enough to mistake one for the other. */
const LONG_MS = 20_000;

let gateway: TestGateway;
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Settings {
  readonly upstream?: Record<string, unknown>;
  /** Of the route `/short`; `/long` has those of the upstream. */
  readonly route: Record<string, unknown>;
  readonly server?: Record<string, unknown>;
}

async function startBehind(port: number, { upstream = {}, route, server = {} }: Settings) {
  gateway = await startGateway({
    upstreams: { crm: { url: `http://127.0.0.1:${port}`, ...upstream } },
    routes: [
      { path: '/short', upstream: 'crm', auth: 'none', maxBodyBytes: 1e9, ...route },
      { path: '/long', upstream: 'crm', auth: 'none' },
    ],
    server,
  });
  stops.push(gateway.stop);
}

async function scripted(script: Script): Promise<RawUpstream> {
  const upstream = await rawUpstream(script);
  stops.push(upstream.stop);
  return upstream;
}

const ask = (options: Parameters<typeof call>[1] = {}) => call(`${gateway.url}/short`, options);

/** How long it took, too. */
async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startedAt = performance.now();
  return { result: await work(), ms: performance.now() - startedAt };
}

/** Nothing of a call that was given up is left at the upstream, long before anything else would have ended it. */
const noConnection = (upstream: RawUpstream) =>
  until('no connection at the upstream', () => upstream.connectionCount() === 0, { withinMs: LONG_MS / 2 });

/** Sends a byte of a body every now and then, for ever. */
const trickling: Script = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
  const timer = setInterval(() => socket.write('x'), 20);
  socket.on('close', () => clearInterval(timer));
};

describe('a route with deadlines of its own', () => {
  it('waits connectTimeoutMs for a connection', async () => {
    const full = await unacceptingUpstream();
    stops.push(full.stop);
    await startBehind(full.port, {
      upstream: { connectTimeoutMs: LONG_MS },
      route: { connectTimeoutMs: SHORT_MS },
    });
    const { result, ms } = await timed(() => ask());
    expect([result.status, reasonOf(result)]).toEqual([504, 'upstream_connect_timeout']);
    expect(ms).toBeLessThan(LONG_MS / 2);
  });

  it('waits headTimeoutMs for the head, longer than other routes or shorter', async () => {
    const upstream = await scripted((socket) => {
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 3 * SHORT_MS);
    });
    await startBehind(upstream.port, { upstream: { headTimeoutMs: SHORT_MS }, route: { headTimeoutMs: LONG_MS } });
    expect((await ask()).body.toString()).toBe('ok');
    const answer = await call(`${gateway.url}/long`);
    expect([answer.status, reasonOf(answer)]).toEqual([504, 'upstream_response_timeout']);
    await noConnection(upstream);
  });

  it('waits idleTimeoutMs for the next byte of the body', async () => {
    const upstream = await scripted((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'));
    await startBehind(upstream.port, { upstream: { idleTimeoutMs: LONG_MS }, route: { idleTimeoutMs: SHORT_MS } });
    const { result, ms } = await timed(() => ask());
    expect(result).toMatchObject({ status: 200, failure: 'ECONNRESET' });
    expect(ms).toBeLessThan(LONG_MS / 2);
    await noConnection(upstream);
  });

  it('lets a trickling body go on for longer than idleTimeoutMs', async () => {
    const upstream = await scripted((socket) => {
      let left = 30;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${left}\r\n\r\n`);
      const timer = setInterval(() => {
        socket.write('x');
        if (--left === 0) clearInterval(timer);
      }, 50);
    });
    await startBehind(upstream.port, { route: { idleTimeoutMs: 1000 } });
    expect(await ask()).toMatchObject({ status: 200, failure: undefined });
  });
});

describe('totalTimeoutMs', () => {
  it('ends the wait for a head', async () => {
    const upstream = await scripted(silent);
    await startBehind(upstream.port, { upstream: { headTimeoutMs: LONG_MS }, route: { totalTimeoutMs: SHORT_MS } });
    const { result, ms } = await timed(() => ask());
    expect([result.status, reasonOf(result)]).toEqual([504, 'upstream_response_timeout']);
    expect(ms).toBeLessThan(LONG_MS / 2);
    await noConnection(upstream);
  });

  it('ends a body that trickles, which its client sees as broken and the breaker not at all', async () => {
    const upstream = await scripted(trickling);
    await startBehind(upstream.port, { route: { totalTimeoutMs: 2 * SHORT_MS } });
    const { result, ms } = await timed(() => ask());
    expect(result).toMatchObject({ status: 200, failure: 'ECONNRESET' });
    expect(result.body.length).toBeGreaterThan(0);
    expect(ms).toBeGreaterThan(2 * SHORT_MS - 10);
    await noConnection(upstream);
    expect((await gateway.lines('access')).at(-1)).toMatchObject({ status: 200, truncated: true });
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0, successes: 1 });
  });

  it('ends an upload that the upstream takes little by little', async () => {
    let taking: Socket | undefined;
    // Long enough for all buffers on the way to be full by then.
    const upstream = await scripted((socket) => {
      taking = socket.pause();
      const timer = setInterval(() => socket.read(1024), 5);
      socket.on('close', () => clearInterval(timer));
    });
    await startBehind(upstream.port, { upstream: { headTimeoutMs: LONG_MS }, route: { totalTimeoutMs: 2000 } });
    const { result, ms } = await timed(() => ask({ method: 'PUT', body: Buffer.alloc(100_000_000) }));
    expect([result.status, reasonOf(result)]).toEqual([504, 'upstream_response_timeout']);
    expect(ms).toBeLessThan(LONG_MS / 2);
    // It learns of it when it has read what was on its way.
    taking?.resume();
    await noConnection(upstream);
  });

  it('ends all tries together', async () => {
    const upstream = await scripted((socket) => void setTimeout(() => socket.resetAndDestroy(), SHORT_MS));
    await startBehind(upstream.port, {
      upstream: { retry: { attempts: 10, minimumRetries: 100 } },
      route: { totalTimeoutMs: 2.5 * SHORT_MS },
    });
    const answer = await ask();
    expect([502, 504]).toContain(answer.status);
    expect(upstream.requestCount()).toBeLessThanOrEqual(3);
    expect(upstream.requestCount()).toBeGreaterThan(1);
    await noConnection(upstream);
  });

  it('is no matter for an answer that is there in time', async () => {
    const upstream = await scripted((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    await startBehind(upstream.port, { route: { totalTimeoutMs: LONG_MS } });
    for (let n = 0; n < 3; n++) expect(await ask()).toMatchObject({ status: 200, failure: undefined });
  });
});

describe('a client that takes nothing of its answer', () => {
  const flood: Script = (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`);
    socket.write(Buffer.alloc(64 * 1024 * 1024));
  };

  async function readNothing(): Promise<Socket> {
    const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    stops.push(async () => socket.destroy());
    await once(socket, 'connect');
    socket.write('GET /short HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'readable');
    return socket;
  }

  it('is cut off after sendTimeoutMs, and neither the upstream nor its breaker is to blame', async () => {
    const upstream = await scripted(flood);
    await startBehind(upstream.port, { route: {}, server: { sendTimeoutMs: SHORT_MS } });
    await readNothing();
    await noConnection(upstream);
    expect((await gateway.lines('access')).at(-1)).toMatchObject({ status: 499, reason: 'client_closed' });
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0, successes: 1 });
  });

  it('is waited for for longer than idleTimeoutMs', async () => {
    const upstream = await scripted(flood);
    await startBehind(upstream.port, { route: { idleTimeoutMs: SHORT_MS }, server: { sendTimeoutMs: LONG_MS } });
    const socket = await readNothing();
    await new Promise((resolve) => setTimeout(resolve, 3 * SHORT_MS));
    expect(upstream.connectionCount()).toBe(1);
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    await until('the whole answer', () => bytes > 64 * 1024 * 1024);
    expect((await breakerOf(gateway)).failures).toBe(0);
  });

  it('is cut off by totalTimeoutMs as itself, not as a fault of the upstream', async () => {
    const upstream = await scripted(flood);
    await startBehind(upstream.port, { route: { totalTimeoutMs: 2000 }, server: { sendTimeoutMs: LONG_MS } });
    await readNothing();
    await until('no connection at the upstream', () => upstream.connectionCount() === 0);
    const line = await until('its line', async () => (await gateway.lines('access')).at(-1));
    expect(line).toMatchObject({ status: 499, reason: 'client_closed' });
    expect(line).not.toHaveProperty('truncated');
  });
});

describe('the time that is left', () => {
  async function startRecording(settings: Settings): Promise<RecordingBackend> {
    const backend = await startRecordingBackend();
    stops.push(backend.stop);
    await startBehind(backend.port, settings);
    return backend;
  }

  const timeOf = (backend: RecordingBackend) => backend.requests.at(-1)?.headers['x-gateway-timeout-ms'];

  it('travels to the service in X-Gateway-Timeout-Ms', async () => {
    const backend = await startRecording({ upstream: { headTimeoutMs: 7000 }, route: { headTimeoutMs: 3000 } });
    await ask();
    expect(timeOf(backend)).toEqual(['3000']);
    await call(`${gateway.url}/long`);
    expect(timeOf(backend)).toEqual(['7000']);
  });

  it('is never more than is left of the whole', async () => {
    const backend = await startRecording({ route: { headTimeoutMs: 3000, totalTimeoutMs: 1000 } });
    await ask();
    expect(Number(timeOf(backend)?.[0])).toBeGreaterThan(500);
    expect(Number(timeOf(backend)?.[0])).toBeLessThanOrEqual(1000);
  });

  it.each(['X-Gateway-Timeout-Ms', 'x_gateway_timeout_ms', 'X.Gateway.Timeout.Ms'])(
    'is not what a client says in %s',
    async (name) => {
      const backend = await startRecording({ route: { headTimeoutMs: 3000 } });
      await sendRaw(gateway.port, `GET /short HTTP/1.1\r\nHost: a\r\n${name}: 99999\r\nConnection: close\r\n\r\n`);
      expect(timeOf(backend)).toEqual(['3000']);
      expect(backend.rawBytes().join('')).not.toContain('99999');
    },
  );
});
