import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ambiguous, inner, malformed } from '../support/ambiguous-requests.ts';
import { call } from '../support/call.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { startGateway } from '../support/gateway.ts';
import { startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { type Edit, startNginx, type TestNginx } from '../support/nginx.ts';
import { parseAnswers, untilAnswers } from '../support/raw-answers.ts';
import { parseAnswer, sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { answering, rawUpstream, slowUpstream } from '../support/raw-upstream.ts';
import { startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

/** What a test has started, in order; stopped in the reverse one. */
const started: { stop(): Promise<void> }[] = [];
function stopping<T extends { stop(): Promise<void> }>(server: T): T {
  started.push(server);
  return server;
}
afterEach(async () => {
  for (const server of started.splice(0).toReversed()) await server.stop();
});

async function nginxBefore(gateway: { port: number; stop(): Promise<void> }, edits: Edit[] = []): Promise<TestNginx> {
  stopping(gateway);
  return stopping(await startNginx({ gatewayPort: gateway.port, edits }));
}

const ask = ({ httpsPort, ca }: TestNginx, bytes: string, client: { from?: string } = {}) =>
  sendRaw(httpsPort, bytes, { until: untilAnswers(1), silenceMs: 5000, ca, ...client });

describe('connections to the gateway', () => {
  const asksForUpgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];

  it.each([
    ['plain requests', []],
    ['requests that close theirs', ['Connection: close']],
    ['requests that ask for another protocol', asksForUpgrade],
  ])('are used again, one in each nginx process: %s', async (_name, lines) => {
    const gateway = await startRecordingBackend();
    const nginx = await nginxBefore(gateway);
    for (let n = 0; n < 40; n++) expect(parseAnswer((await ask(nginx, rawRequest({ lines }))).text).status).toBe(200);
    expect(gateway.requests).toHaveLength(40);
    expect(gateway.rawBytes().length).toBeLessThanOrEqual(2);
  });

  it('are ended by nginx, so that no request meets one that the gateway is closing', async () => {
    // The inequality of the shipped settings, in a hundredth of the time. Node closes a second after its timeout.
    const edits: Edit[] = [['conf.d/psa-gateway.conf', 'keepalive_timeout 60s;', 'keepalive_timeout 600ms;']];
    const backend = stopping(await startRecordingBackend());
    const server = { keepAliveTimeoutMs: 650 };
    const upstreams = { crm: backend.port };
    const idleTimes = [300, 580, 600, 620, 650, 1000, 1630, 1640, 1650, 1660, 1700];
    const lanes: { idleMs: number; nginx: TestNginx }[] = [];
    for (const idleMs of idleTimes) {
      // A gateway of its own each, or the lanes would keep each other's connections busy.
      const gateway = stopping(await startGateway({ upstreams, server }));
      lanes.push({ idleMs, nginx: stopping(await startNginx({ gatewayPort: gateway.port, edits })) });
    }
    const postWithPauses = async ({ idleMs, nginx }: (typeof lanes)[number]) => {
      const statuses: number[] = [];
      for (let n = 0; n < 3; n++) {
        const { status } = await call(`${nginx.httpsUrl}/open/crm/x`, { method: 'POST', body: 'a', ca: nginx.ca });
        statuses.push(status);
        await new Promise((resolve) => setTimeout(resolve, idleMs));
      }
      return statuses;
    };
    const statuses = await Promise.all(lanes.map(postWithPauses));
    expect(new Set(statuses.flat())).toEqual(new Set([200]));
    expect(backend.requests).toHaveLength(idleTimes.length * 3);
  });

  it('that are stale cost no GET, and no POST is sent twice', async () => {
    // Answers once on each connection and resets it at the second request, as if that had come too late.
    const used = new WeakSet<Socket>();
    const gateway = await rawUpstream((socket) => {
      if (used.has(socket)) return void socket.resetAndDestroy();
      used.add(socket);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    const nginx = await nginxBefore(gateway);
    for (let n = 0; n < 20; n++) expect(parseAnswer((await ask(nginx, rawRequest())).text).status).toBe(200);
    const before = gateway.requestCount();
    const statuses: number[] = [];
    for (let n = 0; n < 20; n++)
      statuses.push(parseAnswer((await ask(nginx, rawRequest({ method: 'POST' }))).text).status);
    expect(new Set(statuses)).toEqual(new Set([200, 502]));
    expect(gateway.requestCount() - before).toBe(20);
  });
});

describe('another protocol', () => {
  it('is asked for on the paths of routes with WebSockets, and on no other, as shipped', async () => {
    const gateway = await startRecordingBackend();
    const nginx = await nginxBefore(gateway);
    const upgrade = (target: string, protocol: string) =>
      ask(nginx, rawRequest({ target, lines: ['Connection: Upgrade', `Upgrade: ${protocol}`] }));
    const { routes } = parse(await readFile(resolve(import.meta.dirname, '../../gateway.yaml'), 'utf8')) as {
      routes: { path: string; websocket?: object }[];
    };
    const paths = routes.map(({ path }) => path.replace('*', 'x'));
    const isLive = (path: string) => routes.some((route) => route.path === path && route.websocket !== undefined);
    for (const path of [...new Set(paths), '/', '/x', '/api/v1/tickets/live/x', '/api/v1/tickets/lively']) {
      gateway.reset();
      await upgrade(path, 'websocket');
      expect([path, /websocket/i.test(gateway.rawBytes().join(''))]).toEqual([path, isLive(path)]);
    }
    expect(paths.filter(isLive)).not.toEqual([]);
    gateway.reset();
    for (const protocol of ['h2c', 'TLS/1.0']) for (const path of paths) await upgrade(path, protocol);
    expect(gateway.rawBytes().join('')).not.toMatch(/upgrade|h2c/i);
  });

  it('is a WebSocket where the map says so, and only there', async () => {
    const edit: Edit = ['conf.d/psa-gateway.conf', '/api/v1/tickets/live  1;', '~^/live$ 1;'];
    const gateway = await startRecordingBackend();
    const nginx = await nginxBefore(gateway, [edit]);
    const upgrade = (target: string, protocol: string) =>
      ask(nginx, rawRequest({ target, lines: ['Connection: Upgrade', `Upgrade: ${protocol}`] }));
    await upgrade('/live', 'websocket');
    expect(gateway.requests[0]?.headers).toMatchObject({ upgrade: ['websocket'], connection: ['upgrade'] });
    for (const [path, protocol] of [
      ['/live', 'h2c'],
      ['/lively', 'websocket'],
      ['/x', 'websocket'],
    ] as const) {
      gateway.reset();
      await upgrade(path, protocol);
      expect(gateway.rawBytes().join('')).not.toMatch(/^(?:upgrade|connection):/im);
    }
  });

  it.each([false, true])(
    'that a service starts by itself is a 502 at once (through nginx: %p)',
    async (isBehindNginx) => {
      const service = stopping(
        await rawUpstream(
          answering('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
        ),
      );
      const front = stopping(await startGatewayWithBackend({ isBehindNginx, upstreams: { crm: service.port } }));
      const lines = ['Connection: Upgrade', 'Upgrade: websocket'];
      const { answers } = await front.exchange(rawRequest({ lines }));
      expect(answers).toHaveLength(1);
      const [answer] = answers;
      expectProblem(answer, { status: 502, reason: 'upstream_protocol_error' });
    },
  );
});

describe('a request that two servers could frame in two ways', () => {
  it('is one request to the service at most, and never framed twice', async () => {
    const front = stopping(await startGatewayWithBackend({ isBehindNginx: true }));
    for (const [name, bytes] of Object.entries({ ...ambiguous, ...malformed })) {
      front.backend.reset();
      const { text } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY, silenceMs: 250 });
      const heads = front.backend.rawBytes().join('');
      const twice = heads.match(/^(?:content-length|transfer-encoding):/gim) ?? [];
      const smuggled = front.backend.requests.filter(({ url }) => url.includes('smuggled'));
      // What follows a body that nginx has read to its end is a request of its own, and gets an answer of its own.
      const isOwn = parseAnswers(text).length === front.backend.requests.length;
      expect({
        name,
        twice: twice.length > front.backend.requests.length,
        isOwn: isOwn || smuggled.length === 0,
      }).toEqual({
        name,
        twice: false,
        isOwn: true,
      });
    }
  });

  it('stays one with a body that looks like a request, and pipelined ones keep their order', async () => {
    const front = stopping(await startGatewayWithBackend({ isBehindNginx: true }));
    const bytes = ['a', 'b', 'c'].map((name) =>
      rawRequest({ method: 'POST', target: `/open/crm/${name}`, body: inner }),
    );
    const { answers } = await front.exchange(bytes.join(''), { answers: 3 });
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(front.backend.requests.map(({ url, body }) => [url, body])).toEqual(
      ['/a', '/b', '/c'].map((url) => [url, inner]),
    );
  });
});

describe('many requests at once from one address', () => {
  it('are refused beyond the limit, and served again after', async () => {
    const edit: Edit = ['snippets/psa-limits.conf', 'limit_conn psa_per_address 512;', 'limit_conn psa_per_address 2;'];
    const nginx = await nginxBefore(await slowUpstream({ headAfterMs: 500 }), [edit]);
    const texts = await Promise.all(Array.from({ length: 5 }, () => ask(nginx, rawRequest())));
    const answers = texts.map(({ text }) => parseAnswer(text));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(3);
    for (const answer of refused) {
      expectProblem(answer, { status: 503, reason: 'overloaded' });
      expect(answer.headers['retry-after']).toBe('1');
    }
    const isServed = async () => parseAnswer((await ask(nginx, rawRequest())).text).status === 200;
    await until('an answer', isServed);
  });
});

describe('many requests within a second', () => {
  const limits = 'snippets/psa-limits.conf';

  it('from one address are refused beyond the burst, at once, and those of others are served', async () => {
    const edits: Edit[] = [
      [limits, 'rate=500r/s;', 'rate=1r/m;'],
      [limits, 'zone=psa_rate_per_address burst=1000', 'zone=psa_rate_per_address burst=3'],
    ];
    const nginx = await nginxBefore(await slowUpstream({ headAfterMs: 0 }), edits);
    const texts = await Promise.all(Array.from({ length: 10 }, () => ask(nginx, rawRequest())));
    const refused = texts.map(({ text }) => parseAnswer(text)).filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(6);
    for (const answer of refused) expectProblem(answer, { status: 503, reason: 'overloaded' });
    expect(refused[0]?.headers['retry-after']).toBe('1');
    expect(parseAnswer((await ask(nginx, rawRequest(), { from: '127.0.0.7' })).text).status).toBe(200);
  });

  it('from many addresses are refused beyond what the machine can do', async () => {
    const edits: Edit[] = [
      [limits, 'rate=10000r/s;', 'rate=1r/m;'],
      [limits, 'zone=psa_rate_in_all burst=2000', 'zone=psa_rate_in_all burst=3'],
    ];
    const gateway = await slowUpstream({ headAfterMs: 0 });
    const nginx = await nginxBefore(gateway, edits);
    const addresses = Array.from({ length: 10 }, (_, index) => `127.0.0.${index + 2}`);
    const texts = await Promise.all(addresses.map((from) => ask(nginx, rawRequest(), { from })));
    const refused = texts.map(({ text }) => parseAnswer(text)).filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(6);
    for (const answer of refused) expectProblem(answer, { status: 503, reason: 'overloaded' });
    expect(gateway.requestCount()).toBe(4);
  });

  it('from many addresses are refused while too many are in progress', async () => {
    const edit: Edit = [limits, 'limit_conn psa_in_all 8000;', 'limit_conn psa_in_all 2;'];
    const nginx = await nginxBefore(await slowUpstream({ headAfterMs: 300 }), [edit]);
    const addresses = Array.from({ length: 5 }, (_, index) => `127.0.0.${index + 2}`);
    const texts = await Promise.all(addresses.map((from) => ask(nginx, rawRequest(), { from })));
    const refused = texts.map(({ text }) => parseAnswer(text)).filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(3);
    for (const answer of refused) expectProblem(answer, { status: 503, reason: 'overloaded' });
  });
});

describe('a reload of nginx', () => {
  it('lets the requests that are in progress finish, and serves new ones meanwhile', async () => {
    const gateway = await slowUpstream({ headAfterMs: 1000 });
    const nginx = await nginxBefore(gateway);
    const before = Array.from({ length: 20 }, () => ask(nginx, rawRequest()));
    await until('all of them at the gateway', () => gateway.requestCount() === 20);
    await nginx.reload();
    const during = Array.from({ length: 20 }, () => ask(nginx, rawRequest()));
    const answers = (await Promise.all([...before, ...during])).map(({ text }) => parseAnswer(text));
    expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(200));
  });
});
