import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ambiguous, inner, malformed, post } from '../support/ambiguous-requests.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { chunked, rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  front = await startGatewayWithBackend();
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

/** One request to the backend at most, and none of it framed in two ways. */
function expectNothingSmuggled(): void {
  const { requests } = front.backend;
  expect(requests.filter(({ url }) => url.includes('smuggled'))).toEqual([]);
  expect(requests.length).toBeLessThanOrEqual(1);
  const [head = ''] = front.backend.rawBytes().join('').split('\r\n\r\n');
  expect(head.match(/^(?:content-length|transfer-encoding):/gim)?.length ?? 0).toBeLessThanOrEqual(1);
}

describe('a request that two servers could frame in two ways', () => {
  it.each(Object.entries({ ...ambiguous, ...malformed }))(
    'is refused with a logged 400, ends the connection and reaches no upstream: %s',
    async (_name, bytes) => {
      const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
      expect(isClosed).toBe(true);
      expect(answers).toHaveLength(1);
      const [answer] = answers;
      const problem = expectProblem(answer, { status: 400, reason: 'invalid_request' });
      expect(answer?.headers.connection).toBe('close');
      expectNothingSmuggled();
      const lines = await until('its line in the access log', async () => {
        const logged = await front.gateway.lines('access');
        return logged.some(({ requestId }) => requestId === problem.requestId) && logged;
      });
      // Not even begun and cut short when the connection closed.
      expect(lines.filter(({ path }) => String(path).includes('smuggled'))).toEqual([]);
      expect(lines.find(({ requestId }) => requestId === problem.requestId)).toMatchObject({
        status: 400,
        reason: 'invalid_request',
        client: '127.0.0.1',
      });
    },
  );
});

describe('a body', () => {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];
  const framings = [false, true];

  it.each(methods.flatMap((method) => framings.map((isChunked) => ({ method, isChunked }))))(
    'that looks like a request stays a body: $method, chunked: $isChunked',
    async ({ method, isChunked }) => {
      const bytes = rawRequest({ method, body: inner, isChunked });
      const { answers } = await front.exchange(bytes, { toHead: method === 'HEAD' });
      expect(answers[0]?.status).toBe(200);
      await until('the request at the backend', () => front.backend.requests.length > 0);
      expectNothingSmuggled();
      expect(front.backend.requests[0]).toMatchObject({ method, url: '/x', body: inner });
    },
  );

  it('loses its chunk extensions and trailers on the way', async () => {
    const body = `3;ext=1;X-User-Id=root\r\nabc\r\n0\r\nX-User-Id: root\r\nX-Late: 1\r\n\r\n`;
    await front.exchange(post(['Transfer-Encoding: chunked', 'Trailer: X-User-Id, X-Late'], body));
    expect(front.backend.requests[0]).toMatchObject({ body: 'abc' });
    expect(front.backend.rawBytes().join('')).not.toMatch(/root|x-late|trailer|ext=1/i);
  });
});

describe('many header fields', () => {
  const counts = [90, 98, 99, 100, 101, 900, 999, 1000, 1001, 1500, 2000, 2100, 3000];
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];

  it.each(methods)('never hide the length of the body: %s', async (method) => {
    for (const count of counts) {
      const fields = Array.from({ length: count }, () => 'a:');
      const length = `Content-Length: ${inner.length}`;
      for (const lines of [
        [...fields, length],
        [length, ...fields],
        [...fields, 'Transfer-Encoding: chunked'],
      ]) {
        front.backend.reset();
        const body = lines.includes(length) ? inner : chunked(inner);
        const bytes = rawRequest({ method, lines }) + body;
        const toHead = method === 'HEAD';
        // With Host and the length: 100 fields are allowed.
        if (count <= 98) {
          expect((await front.exchange(bytes, { toHead })).answers[0]?.status).toBe(200);
          await until('the request at the backend', () => front.backend.requests.length > 0);
          expect(front.backend.requests[0]).toMatchObject({ body: inner });
        } else {
          const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
          expect(isClosed).toBe(true);
          const [answer] = answers;
          expectProblem(answer, { status: 431, reason: 'header_too_large' });
          expect(front.backend.requests).toEqual([]);
        }
        expectNothingSmuggled();
      }
    }
  });

  it.each([
    ['a header', rawRequest({ lines: [`X: ${'a'.repeat(16_400)}`] })],
    ['a path', rawRequest({ target: `/open/crm/${'a'.repeat(16_400)}` })],
    ['a query', rawRequest({ target: `/open/crm/x?${'a'.repeat(16_400)}` })],
    ['a name', rawRequest({ lines: [`${'X'.repeat(16_400)}: a`] })],
    [
      'many headers together',
      rawRequest({ lines: Array.from({ length: 50 }, (_, i) => `X-${i}: ${'a'.repeat(400)}`) }),
    ],
  ])('and long ones get a logged 431: %s', async (_name, bytes) => {
    const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    const [answer] = answers;
    const { requestId } = expectProblem(answer, { status: 431, reason: 'header_too_large' });
    const lines = await front.gateway.lines('access');
    expect(lines.find((line) => line.requestId === requestId)).toMatchObject({
      status: 431,
      reason: 'header_too_large',
    });
  });
});
