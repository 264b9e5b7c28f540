import { createConnection } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { otherMethods, servedMethods, unknownMethods } from '../support/odd-requests.ts';
import { parseAnswers } from '../support/raw-answers.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  front = await startGatewayWithBackend();
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

describe('a method', () => {
  it.each(servedMethods)('of the route is forwarded: %s', async (method) => {
    const { answers } = await front.exchange(rawRequest({ method }), { toHead: method === 'HEAD' });
    expect(answers[0]?.status).toBe(200);
    await until('the request at the backend', () => front.backend.requests.length > 0);
    expect(front.backend.requests[0]).toMatchObject({ method, url: '/x' });
  });

  it.each(otherMethods)('of no route is refused with 405, Allow and no call: %s', async (method) => {
    const [answer] = (await front.exchange(rawRequest({ method }))).answers;
    expectProblem(answer, { status: 405, reason: 'method_not_allowed' });
    expect(answer?.headers.allow).toBe(servedMethods.join(', '));
    expect(front.backend.requests).toEqual([]);
  });

  it.each(otherMethods.filter((method) => method !== 'CONNECT'))('is no way to find routes: %s', async (method) => {
    const [answer] = (await front.exchange(rawRequest({ method, target: '/none' }))).answers;
    expectProblem(answer, { status: 404, reason: 'route_not_found' });
  });

  it.each(unknownMethods)('that nobody knows gets 400: %j', async (method) => {
    const bytes = rawRequest({ method }) + rawRequest();
    const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expectProblem(answer, { status: 400, reason: 'invalid_request' });
    expect(front.backend.requests).toEqual([]);
  });
});

describe('CONNECT', () => {
  it.each(['backend.test:443', '127.0.0.1:22', '[::1]:80'])(
    'opens no tunnel, is on record, and ends the connection: %s',
    async (target) => {
      const bytes = rawRequest({ method: 'CONNECT', target }) + rawRequest();
      const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
      expect(isClosed).toBe(true);
      expect(answers).toHaveLength(1);
      const [answer] = answers;
      const { requestId } = expectProblem(answer, { status: 405, reason: 'method_not_allowed' });
      const lines = await front.gateway.lines('access');
      expect(lines.find((line) => line.requestId === requestId)).toMatchObject({ status: 405, client: '127.0.0.1' });
      expect(front.backend.requests).toEqual([]);
    },
  );

  it('waits for its turn behind a request on the same connection', async () => {
    const bytes = rawRequest() + rawRequest({ method: 'CONNECT', target: 'backend.test:443' });
    const { answers } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
    expect(answers.map(({ status }) => status)).toEqual([200, 405]);
  });

  it('followed by a reset harms nobody else', async () => {
    const resets = Array.from({ length: 50 }, (_, index) => connectAndReset(front.gateway.port, index % 5));
    await Promise.all(resets);
    // Whatever the resets set off has happened once later connections are answered.
    for (let count = 0; count < 5; count++) {
      expect((await front.exchange(rawRequest())).answers[0]?.status).toBe(200);
    }
  });

  it('does not hold a connection whose client never closes it', async () => {
    const socket = createConnection({ port: front.gateway.port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    const failed = new Promise<void>((resolve) => socket.once('error', () => resolve()));
    socket.write(rawRequest({ method: 'CONNECT', target: 'backend.test:443' }));
    await until('the answer', () => parseAnswers(text).length === 1);
    // A closed peer answers further bytes with a reset.
    const probe = setInterval(() => socket.write('x'), 100);
    await failed;
    clearInterval(probe);
    socket.destroy();
  });
});

function connectAndReset(port: number, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.write(`${rawRequest({ method: 'CONNECT', target: 'backend.test:443' })}${'x'.repeat(50_000)}`);
    socket.once('connect', () => setTimeout(() => socket.resetAndDestroy(), afterMs));
  });
}
