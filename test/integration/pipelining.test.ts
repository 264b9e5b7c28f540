import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gatewayFileSchema } from '../../src/config/schema.ts';
import { publicServer } from '../../src/process/listen.ts';
import type { Malformed } from '../../src/process/refuse-malformed.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer } from '../support/gateway.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { parseAnswers } from '../support/raw-answers.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  // Answers with the path that it was asked for, after the milliseconds that it ends in.
  front = await startGatewayWithBackend({
    answer: (req, res) => {
      req.resume();
      const afterMs = Number(/-(\d+)$/.exec(req.url ?? '')?.[1] ?? 0);
      const timer = setTimeout(() => res.end(req.url), afterMs);
      res.once('close', () => clearTimeout(timer));
    },
  });
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

const slow = rawRequest({ target: '/open/crm/slow-100' });
const next = rawRequest({ target: '/open/crm/next' });
const hidden = rawRequest({ target: '/open/crm/hidden' });

describe('requests that arrive on one connection before earlier ones are answered', () => {
  it('are answered in order, whatever each of them takes', async () => {
    const paths = Array.from({ length: 50 }, (_, index) => `/${index}-${(index * 37) % 60}`);
    const bytes = paths.map((path) => rawRequest({ target: `/open/crm${path}` })).join('');
    const { answers } = await front.exchange(bytes, { answers: 50 });
    expect(answers.map(({ body }) => body)).toEqual(paths);
  });

  it('keep their order across methods, bodies, refusals and our own answers', async () => {
    const requests = [
      slow,
      rawRequest({ target: '/api/crm/x' }),
      rawRequest({ method: 'POST', target: '/open/crm/posted-30', body: hidden }),
      rawRequest({ target: '/health/live' }),
      rawRequest({ method: 'POST', target: '/open/crm/chunked', body: hidden, isChunked: true }),
      rawRequest({ target: '/none' }),
      rawRequest({ target: '/open/crm/x//y' }),
      rawRequest({ method: 'PURGE' }),
      next,
    ];
    const { answers } = await front.exchange(requests.join(''), { answers: requests.length });
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 200, 200, 200, 404, 400, 405, 200]);
    expect([answers[0], answers[2], answers[8]].map((answer) => answer?.body)).toEqual([
      '/slow-100',
      '/posted-30',
      '/next',
    ]);
    expect(front.backend.requests.filter(({ url }) => url === '/hidden')).toEqual([]);
  });

  it.each([
    ['words', 'GARBAGE\r\n\r\n', 400, 'invalid_request'],
    ['words that go on', 'GARBAGE\r\n\r\n'.repeat(100), 400, 'invalid_request'],
    ['too many headers', rawRequest({ lines: Array.from({ length: 200 }, () => 'a:') }), 431, 'header_too_large'],
    ['a target that nobody can parse', rawRequest({ target: 'http://[bad/' }), 400, 'invalid_request'],
    [
      'a broken body',
      `${rawRequest({ method: 'POST', lines: ['Transfer-Encoding: chunked'] })}zz\r\n`,
      400,
      'invalid_request',
    ],
  ])(
    'and then %s: each gets its own answer, the last one ends the connection',
    async (_name, bytes, status, reason) => {
      const { answers, isClosed } = await front.exchange(slow + next + bytes, { answers: Number.POSITIVE_INFINITY });
      expect(isClosed).toBe(true);
      expect(answers.map(({ body }) => body).slice(0, 2)).toEqual(['/slow-100', '/next']);
      expect(answers).toHaveLength(3);
      const [, , refusal] = answers;
      expectProblem(refusal, { status, reason });
    },
  );

  it('cost nothing more when their client goes on sending what was refused', async () => {
    const held: ServerResponse[] = [];
    const refusals: Malformed[] = [];
    let complaints = 0;
    const { server } = publicServer({
      handle: (_req, res) => held.push(res),
      settings: gatewayFileSchema.shape.server.parse({}),
      newRequestId: () => 'id-of-refusal',
      onMalformed: (malformed) => refusals.push(malformed),
    });
    server.on('clientError', () => complaints++);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = createConnection({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.write(`${rawRequest()}GARBAGE`);
    const [res] = await until('the first complaint', () => complaints > 0 && held);
    const listeners = res?.listenerCount('close');
    for (const count of [2, 3, 4, 5]) {
      socket.write('GARBAGE');
      await until('the next complaint', () => complaints >= count);
    }
    expect(res?.listenerCount('close')).toBe(listeners);
    res?.end('late');
    await once(socket, 'close');
    server.close();
    expect(parseAnswers(text).map(({ status }) => status)).toEqual([200, 400]);
    expect(refusals).toHaveLength(1);
  });

  it('are not served behind one that asks for the end of the connection', async () => {
    const last = rawRequest({ target: '/open/crm/last-50', lines: ['Connection: close'] });
    const { answers, isClosed } = await front.exchange(last + hidden, { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    expect(answers.map(({ body }) => body)).toEqual(['/last-50']);
    expect(front.backend.requests.map(({ url }) => url)).toEqual(['/last-50']);
  });

  it('are all on record and stop at the upstream when their client leaves', async () => {
    const target = '/open/crm/abandoned-60000';
    const socket = createConnection({ port: front.gateway.port, host: '127.0.0.1' });
    socket.write(rawRequest({ target }).repeat(3));
    await until('three calls', () => front.backend.rawBytes().join('').split('abandoned').length === 4);
    const before = front.backend.connectionCount();
    socket.destroy();
    await until('the calls to end', () => front.backend.connectionCount() <= before - 3);
    const lines = await until('three lines', async () => {
      const found = (await front.gateway.lines('access')).filter(({ path }) => path === target);
      return found.length === 3 && found;
    });
    for (const line of lines) expect(line).toMatchObject({ status: 499, reason: 'client_closed' });
  });
});

describe('the body of a refused request', () => {
  const token = `Authorization: ${bearer().authorization}`;
  const refused = [
    { name: 'no token', request: { target: '/api/crm/x' }, status: 401 },
    { name: 'no route', request: { target: '/none' }, status: 404 },
    { name: 'no such method', request: { method: 'PROPFIND' }, status: 405 },
    { name: 'an unsafe path', request: { target: '/open/crm//x' }, status: 400 },
    { name: 'health', request: { target: '/health/live' }, status: 200 },
    { name: 'OPTIONS *', request: { method: 'OPTIONS', target: '*' }, status: 204 },
    { name: 'a bad token', request: { target: '/api/crm/x', lines: [`${token}x`] }, status: 401 },
  ].flatMap((entry) => [
    { ...entry, name: `${entry.name}, with a length`, isChunked: false, body: hidden },
    { ...entry, name: `${entry.name}, chunked`, isChunked: true, body: hidden },
    { ...entry, name: `${entry.name}, large`, isChunked: false, body: hidden.repeat(5000) },
    { ...entry, name: `${entry.name}, large and chunked`, isChunked: true, body: hidden.repeat(5000) },
  ]);

  it.each(refused)('is never taken for requests: $name', async ({ request, status, isChunked, body }) => {
    const bytes = rawRequest({
      method: request.target === '/health/live' ? 'GET' : 'POST',
      ...request,
      body,
      isChunked,
    });
    const { answers, isClosed } = await front.exchange(bytes + next, { answers: 2 });
    expect(answers[0]?.status).toBe(status);
    if (answers.length === 1) expect(isClosed).toBe(true);
    else expect(answers[1]).toMatchObject({ status: 200, body: '/next' });
    expect(front.backend.requests.filter(({ url }) => url === '/hidden')).toEqual([]);
  });

  it.each(['GET', 'POST'])('costs no connection when there is none, or a small one: %s', async (method) => {
    const target = '/open/crm//x';
    const body = method === 'POST' ? { body: hidden } : {};
    const bytes = rawRequest({ method, target, ...body });
    const { answers } = await front.exchange(bytes + bytes + next, { answers: 3 });
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 200]);
  });
});
