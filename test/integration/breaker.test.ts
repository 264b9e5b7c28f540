import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { leavingClient } from '../support/leaving-client.ts';
import { deadUpstream, type RawUpstream, rawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const FLOOD = `HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n${'x'.repeat(4_000_000)}`;

/** In lanes of five kinds. `HOSTILE_EVENTS=10000` for a thorough look. */
const HOSTILE_EVENTS = Number(process.env.HOSTILE_EVENTS ?? 2000);
const LANES = 20;

let gateway: TestGateway;
let crm: RawUpstream;
let tickets: RawUpstream;

afterEach(async () => {
  await gateway.stop();
  await crm.stop();
  await tickets.stop();
});

/** What the crm service does with requests: the status it answers, or nothing at all. */
let behaviour: number | 'silence';

async function start({ breaker = {}, ...settings }: Record<string, object | number | string> = {}) {
  behaviour = 200;
  crm = await rawUpstream((socket, head) => {
    const wanted = / \/status\/(\d+) /.exec(head)?.[1];
    if (behaviour === 'silence' || head.includes('/silence')) return;
    if (head.includes('/flood')) return void socket.write(FLOOD);
    socket.write(`HTTP/1.1 ${wanted ?? behaviour} X\r\nContent-Length: 4\r\n\r\nbody`);
  });
  tickets = await rawUpstream((socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  gateway = await startGateway({
    upstreams: {
      crm: { url: `http://127.0.0.1:${crm.port}`, ...settings, breaker: { openSeconds: 1, ...(breaker as object) } },
      tickets: tickets.port,
    },
  });
}

const ask = (path = '/x'): Promise<Answer> => call(`${gateway.url}/open/crm${path}`);

async function askMany(count: number, path?: string): Promise<number[]> {
  const seen: number[] = [];
  for (let n = 0; n < count; n++) seen.push((await ask(path)).status);
  return seen;
}

const stateIs = (state: string) =>
  until(`the breaker to be ${state}`, async () => (await breakerOf(gateway)).state === state);

async function openIt() {
  behaviour = 500;
  await askMany(10);
  await stateIs('OPEN');
}

describe('the breaker of an upstream', () => {
  it('opens when five of ten calls failed, and hands on every answer as it is until then', async () => {
    await start({ breaker: { openSeconds: 30 } });
    expect(await askMany(5)).toEqual([200, 200, 200, 200, 200]);
    behaviour = 503;
    expect(await askMany(4)).toEqual([503, 503, 503, 503]);
    expect((await breakerOf(gateway)).state).toBe('CLOSED');
    const last = await ask();
    expect(last).toMatchObject({ status: 503, failure: undefined });
    expect(last.body.toString()).toBe('body');
    expect(last.headers).not.toHaveProperty('x-gateway-reason');
    await stateIs('OPEN');
  });

  it('answers 503 with Retry-After while open, calls nobody, and leaves other upstreams alone', async () => {
    await start({ breaker: { openSeconds: 30 } });
    await openIt();
    const before = crm.requestCount();
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(reasonOf(answer)).toBe('breaker_open');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(25);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(30);
    }
    expect(crm.requestCount()).toBe(before);
    expect((await call(`${gateway.url}/open/tickets/x`)).status).toBe(200);
    expect(await breakerOf(gateway, 'tickets')).toMatchObject({ state: 'CLOSED', openings: 0 });
    expect(await (await fetch(`${gateway.url}/health`)).json()).toMatchObject({
      status: 'degraded',
      dependencies: { crm: { breaker: 'OPEN' }, tickets: { breaker: 'CLOSED' } },
    });
  });

  it('sends one trial after its time, and closes when that succeeds', async () => {
    await start();
    await openIt();
    const before = crm.requestCount();
    await stateIs('HALF_OPEN');
    expect(crm.requestCount()).toBe(before);
    behaviour = 200;
    expect((await ask()).status).toBe(200);
    await stateIs('CLOSED');
    expect(await askMany(5)).toEqual([200, 200, 200, 200, 200]);
  });

  it('opens again when the trial fails', async () => {
    await start();
    await openIt();
    await stateIs('HALF_OPEN');
    expect((await ask()).status).toBe(500);
    expect(await breakerOf(gateway)).toMatchObject({ state: 'OPEN', openings: 2 });
    expect(reasonOf(await ask())).toBe('breaker_open');
  });

  it('sends one trial only, however many requests wait for it, and a trial that hangs ends by its deadline', async () => {
    await start({ headTimeoutMs: 600 });
    await openIt();
    await stateIs('HALF_OPEN');
    behaviour = 'silence';
    const before = crm.requestCount();
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask()));
    expect(crm.requestCount()).toBe(before + 1);
    const reasons = answers.map(reasonOf).sort();
    expect(reasons).toEqual([...Array.from({ length: 29 }, () => 'breaker_open'), 'upstream_response_timeout']);
    expect((await breakerOf(gateway)).state).toBe('OPEN');
  });

  it('stays half open when the client of the trial leaves, and the next request becomes the trial', async () => {
    await start();
    await openIt();
    await stateIs('HALF_OPEN');
    behaviour = 'silence';
    const before = crm.requestCount();
    await leavingClient({
      port: gateway.port,
      bytes: 'GET /open/crm/x HTTP/1.1\r\nHost: a\r\n\r\n',
      waitFor: () => crm.requestCount() === before + 1,
    });
    behaviour = 200;
    await until('the trial to be handed on', async () => (await ask()).status === 200);
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', openings: 1 });
  });

  it('is not closed by a good answer to a call from before it opened', async () => {
    await start({ breaker: { openSeconds: 30 } });
    let answerLate = () => {};
    const slow = await rawUpstream((socket, head) => {
      const isLate = head.includes('/late');
      const answer = () => void socket.write(`HTTP/1.1 ${isLate ? 200 : 500} X\r\nContent-Length: 0\r\n\r\n`);
      if (isLate) answerLate = answer;
      else answer();
    });
    await gateway.stop();
    gateway = await startGateway({ upstreams: { crm: slow.port } });
    const late = ask('/late');
    await until('the slow call to be under way', () => slow.requestCount() === 1);
    await askMany(10);
    await stateIs('OPEN');
    answerLate();
    expect((await late).status).toBe(200);
    expect((await breakerOf(gateway)).state).toBe('OPEN');
    await slow.stop();
  });

  it('opens when connections are refused', async () => {
    await start();
    await gateway.stop();
    gateway = await startGateway({ upstreams: { crm: await deadUpstream() } });
    const answers = await askMany(11);
    expect(answers).toEqual([...Array.from({ length: 10 }, () => 502), 503]);
  });

  it(`is opened by no 4xx, no client that leaves or does not read, and no upgrade that the service ignores: ${HOSTILE_EVENTS}`, async () => {
    await start();
    const stalled = Array.from({ length: 20 }, () => {
      const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
      socket.pause().write('GET /open/crm/flood HTTP/1.1\r\nHost: a\r\n\r\n');
      return socket;
    });
    const agent = new Agent({ keepAlive: true });
    const request = (path: string) => `GET /open/crm${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const upload = 'POST /open/crm/silence HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc';
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const lane = async () => {
      for (let n = 0; n < HOSTILE_EVENTS / (LANES * 5); n++) {
        for (let times = 0; times < 2; times++) {
          expect((await call(`${gateway.url}/open/crm/status/404`, { agent })).status).toBe(404);
        }
        // An upgrade costs its client the connection.
        const kind =
          n % 5 === 0 ? { path: '/x', headers: upgrade, status: 200 } : { path: '/status/404', agent, status: 404 };
        expect((await call(`${gateway.url}/open/crm${kind.path}`, kind)).status).toBe(kind.status);
        const unanswered = n % 2 === 0 ? request('/silence') : upload;
        await leavingClient({ port: gateway.port, bytes: unanswered, waitFor: () => true });
        const hasBegun = (received: string) => received !== '';
        await leavingClient({ port: gateway.port, bytes: request('/flood'), waitFor: hasBegun });
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', openings: 0, failures: 0, rejects: 0 });
    for (const socket of stalled) socket.destroy();
    agent.destroy();
    await until('no connection of a client that left', () => crm.connectionCount() <= 20);
  }, 120_000);

  it('is opened by no pool whose connections are all busy: that is answered 503 overloaded', async () => {
    await start();
    await gateway.stop();
    const streaming = await rawUpstream((socket, head) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
      if (!head.includes('/stream')) socket.write('0\r\n\r\n');
    });
    const url = `http://127.0.0.1:${streaming.port}`;
    gateway = await startGateway({ upstreams: { crm: { url, maxConnections: 1, headTimeoutMs: 300 } } });
    const stream = get(`${gateway.url}/open/crm/stream`);
    await once(stream, 'response');
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
      expect(reasonOf(answer)).toBe('overloaded');
    }
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0 });
    stream.destroy();
    await until('a free connection', async () => (await ask()).status === 200);
    await streaming.stop();
  });
});
