import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { get as getSecurely } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const IDLE_MS = 1000;
/** nginx counts in seconds, and undici's timer has a resolution of one. */
const NGINX_READ_TIMEOUT = '2s';
const FIRST_EVENT_MS = 100;

let gateway: TestGateway;
let backend: RecordingBackend;
let nginx: TestNginx | undefined;
/** The streams that are open at the service. */
let streams: ServerResponse[] = [];

afterEach(async () => {
  await nginx?.stop();
  nginx = undefined;
  await gateway.stop();
  await backend.stop();
});

async function start({ withNginx = false, idleTimeoutMs = IDLE_MS, env = {} } = {}): Promise<void> {
  streams = [];
  backend = await startRecordingBackend((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }).flushHeaders();
    streams.push(res);
  });
  gateway = await startGateway({
    upstreams: { crm: backend.port },
    routes: [
      { path: '/events/*', upstream: 'crm', auth: 'none', idleTimeoutMs },
      { path: '/open/*', upstream: 'crm', auth: 'none' },
    ],
    env,
  });
  if (!withNginx) return;
  const edit = [
    'snippets/psa-proxy.conf',
    'proxy_read_timeout 75s;',
    `proxy_read_timeout ${NGINX_READ_TIMEOUT};`,
  ] as const;
  nginx = await startNginx({ gatewayPort: gateway.port, edits: [edit] });
}

/** A client that reads events. */
async function listening() {
  let seen = '';
  let end: 'whole' | 'broken' | undefined;
  const url = `${nginx?.httpsUrl ?? gateway.url}/events/x`;
  const onHead = (res: IncomingMessage) => {
    res.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    res.on('end', () => {
      end = 'whole';
    });
    res.on('error', () => {
      end = 'broken';
    });
  };
  const options = { agent: false, headers: { accept: 'text/event-stream' } } as const;
  const req = nginx === undefined ? get(url, options, onHead) : getSecurely(url, { ...options, ca: nginx.ca }, onHead);
  req.on('error', () => undefined);
  await once(req, 'response');
  const stream = await until('the stream', () => streams.at(-1));
  return {
    send: (text: string) => stream.write(text),
    arrived: (text: string) => until(`"${text}"`, () => seen.endsWith(text), { everyMs: 1 }),
    ended: () => until('the end', () => end),
    leave: () => req.destroy(),
  };
}

describe('server-sent events', () => {
  it.each([false, true])('arrive within 100 ms of being sent (through nginx: %p)', async (withNginx) => {
    await start({ withNginx });
    const client = await listening();
    const times: number[] = [];
    for (let n = 0; n < 5; n++) {
      const sentAt = performance.now();
      client.send(`data: ${n}\n\n`);
      await client.arrived(`data: ${n}\n\n`);
      times.push(performance.now() - sentAt);
    }
    // The quickest of five: others use the machine too.
    expect(Math.min(...times)).toBeLessThan(FIRST_EVENT_MS);
    client.leave();
  });

  it.each([false, true])(
    'go on for longer than any timeout while a comment comes now and then (through nginx: %p)',
    async (withNginx) => {
      await start({ withNginx });
      const client = await listening();
      for (let n = 0; n < 8; n++) {
        await sleep(IDLE_MS / 2);
        client.send(':\n\n');
      }
      client.send('data: last\n\n');
      await client.arrived('data: last\n\n');
      expect(await breakerOf(gateway)).toMatchObject({ failures: 0 });
      client.leave();
    },
  );

  it('that are silent for idleTimeoutMs of their route break off, and never look complete', async () => {
    await start();
    const client = await listening();
    client.send('data: 1\n\n');
    expect(await client.ended()).toBe('broken');
    await until('the end at the service', () => backend.connectionCount() === 0);
    const line = await until('its log line', async () => (await gateway.lines('access')).at(-1));
    expect(line).toMatchObject({ truncated: true });
  });

  it('may be silent for longer where idleTimeoutMs of their route says so', async () => {
    await start({ idleTimeoutMs: 60_000 });
    const client = await listening();
    client.send('data: 1\n\n');
    await sleep(2.5 * IDLE_MS);
    client.send('data: 2\n\n');
    await client.arrived('data: 2\n\n');
    client.leave();
  });

  it('that are silent for proxy_read_timeout are broken off by nginx, whatever the route says', async () => {
    await start({ withNginx: true, idleTimeoutMs: 60_000 });
    const client = await listening();
    client.send('data: 1\n\n');
    expect(await client.ended()).toBe('broken');
    await until('the end at the service', () => backend.connectionCount() === 0);
  });

  it.each([false, true])(
    'break off at the end of the grace period of a worker that stops (through nginx: %p)',
    async (withNginx) => {
      await start({ withNginx, env: { SHUTDOWN_GRACE_MS: '700' } });
      const client = await listening();
      client.send('data: 1\n\n');
      await client.arrived('data: 1\n\n');
      const stopped = gateway.worker.stop('a test of the drain');
      client.send('data: 2\n\n');
      await client.arrived('data: 2\n\n');
      expect(await client.ended()).toBe('broken');
      await stopped;
    },
  );

  it('cost the service nothing once their client has left', async () => {
    await start();
    const client = await listening();
    client.leave();
    await until('the end at the service', () => backend.connectionCount() === 0);
    expect(await breakerOf(gateway)).toMatchObject({ failures: 0 });
  });
});
