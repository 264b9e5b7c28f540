import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gatewayFileSchema } from '../../src/config/schema.ts';
import { publicServer } from '../../src/process/listen.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer } from '../support/gateway.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { oddExpectations } from '../support/odd-requests.ts';
import { parseAnswers } from '../support/raw-answers.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  const routes = [
    { path: '/api/crm/*', upstream: 'crm', stripPrefix: '/api/crm' },
    { path: '/open/crm/*', upstream: 'crm', stripPrefix: '/open/crm', auth: 'none', maxBodyBytes: 1000 },
    { path: '/admin/crm/*', upstream: 'crm', roles: ['admin'] },
  ];
  front = await startGatewayWithBackend({ routes });
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

const token = `Authorization: ${bearer().authorization}`;
const expecting = 'Expect: 100-continue';
const asking = (target: string, { length = 5, lines = [] as string[], method = 'POST' } = {}) =>
  rawRequest({ method, target, lines: [...lines, expecting, `Content-Length: ${length}`] });

describe('Expect: 100-continue', () => {
  it.each([
    ['without a token', asking('/api/crm/x'), 401, 'auth_missing'],
    ['with a bad token', asking('/api/crm/x', { lines: ['Authorization: Bearer a.b.c'] }), 401, 'auth_malformed'],
    ['without the role', asking('/admin/crm/x', { lines: [token] }), 403, 'scope_missing'],
    ['without a route', asking('/none'), 404, 'route_not_found'],
    ['with a method of no route', asking('/open/crm/x', { method: 'PURGE' }), 405, 'method_not_allowed'],
    ['with a body that is too large', asking('/open/crm/x', { length: 1001 }), 413, 'body_too_large'],
    ['with an unsafe path', asking('/open/crm//x'), 400, 'invalid_request'],
  ])('is refused without asking for the body: %s', async (_name, bytes, status, reason) => {
    // A client may send the body nevertheless, or a next request instead: nobody can tell which.
    const { answers, text, isClosed } = await front.exchange(bytes + rawRequest({ target: '/open/crm/behind' }), {
      answers: Number.POSITIVE_INFINITY,
    });
    expect(text).not.toContain('100 Continue');
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expectProblem(answer, { status, reason });
    expect(answer?.headers.connection).toBe('close');
    expect(isClosed).toBe(true);
    expect(front.backend.requests).toEqual([]);
  });

  it.each(['/open/crm/x', '/api/crm/x'])(
    'is asked for its body once it may pass, and not before: %s',
    async (target) => {
      const socket = createConnection({ port: front.gateway.port, host: '127.0.0.1' });
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.write(asking(target, { lines: [token] }));
      await until('the interim answer', () => text === 'HTTP/1.1 100 Continue\r\n\r\n');
      expect(front.backend.requests).toEqual([]);
      socket.write('hello');
      await until('the answer', () => parseAnswers(text).length === 1);
      socket.destroy();
      expect(parseAnswers(text)[0]?.status).toBe(200);
      expect(front.backend.requests).toHaveLength(1);
      expect(front.backend.requests[0]).toMatchObject({ body: 'hello' });
      expect(front.backend.requests[0]?.headers).not.toHaveProperty('expect');
    },
  );

  it('of a client that does not wait is forwarded once, and the next request is its own', async () => {
    const bytes = `${asking('/open/crm/x')}hello${rawRequest({ target: '/open/crm/next' })}`;
    const { answers } = await front.exchange(bytes, { answers: 2 });
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const received = front.backend.requests.map(({ url, body }) => `${url} ${body}`);
    expect(new Set(received)).toEqual(new Set(['/next ', '/x hello']));
  });

  it.each([
    ['without a token', rawRequest({ method: 'POST', target: '/api/crm/x', lines: [expecting] }), 401],
    ['with its body at once', `${asking('/api/crm/x')}hello`, 401],
    ['without a route', `${asking('/none')}hello`, 404],
    ['with a bad token', `${asking('/api/crm/x', { lines: ['Authorization: Bearer a.b.c'] })}hello`, 401],
  ])('refused %s lets nothing be begun that came behind it', async (_name, bytes, status) => {
    const after = rawRequest({ method: 'POST', target: '/open/crm/behind', body: 'a' });
    const { answers, isClosed } = await front.exchange(bytes + after + after, { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    expect(answers.map((answer) => answer.status)).toEqual([status]);
    expect(front.backend.rawBytes()).toEqual([]);
  });

  it('is served in its turn behind another, and what is behind both is begun only if neither was refused', async () => {
    const good = `${asking('/open/crm/x')}hello`;
    const next = rawRequest({ target: '/open/crm/next' });
    const served = await front.exchange(good + good + next, { answers: 3 });
    expect(served.answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    front.backend.reset();
    const refused = await front.exchange(`${good}${asking('/none')}hello${next}`, {
      answers: Number.POSITIVE_INFINITY,
    });
    expect(refused.isClosed).toBe(true);
    expect(refused.answers.map(({ status }) => status)).toEqual([200, 404]);
    expect(front.backend.requests.map(({ url }) => url)).toEqual(['/x']);
  });

  it('costs one listener, however many requests wait behind it', async () => {
    const begun: ServerResponse[] = [];
    let arrived = 0;
    const { server } = publicServer({
      handle: (_req, res) => begun.push(res),
      settings: gatewayFileSchema.shape.server.parse({}),
      newRequestId: () => 'id-of-refusal',
      onMalformed: () => undefined,
    });
    server.on('request', () => arrived++);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = createConnection({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    try {
      socket.write(`${asking('/x')}hello${rawRequest()}`);
      await until('two requests', () => arrived === 2);
      const [first] = begun;
      const listeners = first?.listenerCount('close');
      socket.write(rawRequest().repeat(20));
      await until('all requests', () => arrived === 22);
      expect(begun).toHaveLength(1);
      expect(first?.listenerCount('close')).toBe(listeners);
      first?.writeContinue();
      for (let count = 1; count <= 22; count++) {
        const res = await until('the next in turn', () => begun[count - 1]);
        expect(begun).toHaveLength(count);
        res.end('ok');
      }
    } finally {
      socket.destroy();
      server.close();
    }
  });

  it('gets no interim answer in HTTP/1.0, which has none', async () => {
    const lines = ['Expect: 100-continue'];
    const bytes = rawRequest({ method: 'POST', version: 'HTTP/1.0', lines, body: 'hello' });
    const { text, answers } = await front.exchange(bytes);
    expect(text).not.toContain('100 Continue');
    expect(answers[0]?.status).toBe(200);
  });
});

describe('any other expectation', () => {
  it.each(oddExpectations)('is refused, and ends the connection: %s', async (expectation) => {
    const lines = [`Expect: ${expectation}`, 'Content-Length: 5'];
    const bytes = rawRequest({ method: 'POST', lines }) + rawRequest({ target: '/open/crm/behind' });
    const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expectProblem(answer, { status: 400, reason: 'invalid_request' });
    expect(front.backend.requests).toEqual([]);
  });

  it('lets nothing be served that came behind a refused one', async () => {
    const lines = await front.gateway.lines('access');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ path }) => path === '/open/crm/behind')).toEqual([]);
  });
});
