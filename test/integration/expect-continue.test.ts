import { createConnection } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer } from '../support/gateway.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
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
const asking = (target: string, { length = 5, lines = [] as string[], method = 'POST' } = {}) =>
  rawRequest({ method, target, lines: [...lines, 'Expect: 100-continue', `Content-Length: ${length}`] });

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

  it('gets no interim answer in HTTP/1.0, which has none', async () => {
    const lines = ['Expect: 100-continue'];
    const bytes = rawRequest({ method: 'POST', version: 'HTTP/1.0', lines, body: 'hello' });
    const { text, answers } = await front.exchange(bytes);
    expect(text).not.toContain('100 Continue');
    expect(answers[0]?.status).toBe(200);
  });
});

describe('any other expectation', () => {
  it.each(['foo', '100-continue, foo', '200-ok', '100-continue;q=1', 'x100-continue'])(
    'is refused, and ends the connection: %s',
    async (expectation) => {
      const lines = [`Expect: ${expectation}`, 'Content-Length: 5'];
      const bytes = rawRequest({ method: 'POST', lines }) + rawRequest({ target: '/open/crm/behind' });
      const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
      expect(isClosed).toBe(true);
      expect(answers).toHaveLength(1);
      const [answer] = answers;
      expectProblem(answer, { status: 400, reason: 'invalid_request' });
      expect(front.backend.requests).toEqual([]);
    },
  );

  it('lets nothing be served that came behind a refused one', async () => {
    const lines = await front.gateway.lines('access');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ path }) => path === '/open/crm/behind')).toEqual([]);
  });
});
