import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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

/** What an attacker wants to be taken for a request of its own. */
const inner = rawRequest({ target: '/open/crm/smuggled' });
const post = (lines: string[], body: string, version?: string) =>
  rawRequest({ method: 'POST', lines, ...(version === undefined ? {} : { version }) }) + body;

/** One request to the backend at most, and none of it framed in two ways. */
function expectNothingSmuggled(): void {
  const { requests } = front.backend;
  expect(requests.filter(({ url }) => url.includes('smuggled'))).toEqual([]);
  expect(requests.length).toBeLessThanOrEqual(1);
  const [head = ''] = front.backend.rawBytes().join('').split('\r\n\r\n');
  expect(head.match(/^(?:content-length|transfer-encoding):/gim)?.length ?? 0).toBeLessThanOrEqual(1);
}

const ambiguous: Record<string, string> = {
  'Content-Length and Transfer-Encoding': post(
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    chunked('') + inner,
  ),
  'Transfer-Encoding and Content-Length': post(
    ['Transfer-Encoding: chunked', 'Content-Length: 4'],
    chunked('') + inner,
  ),
  'two different Content-Lengths': post(['Content-Length: 0', `Content-Length: ${inner.length}`], inner),
  'two equal Content-Lengths': post(['Content-Length: 5', 'Content-Length: 5'], `abcde${inner}`),
  'a list of Content-Lengths': post(['Content-Length: 0, 0'], inner),
  'a Content-Length with a plus': post(['Content-Length: +0'], inner),
  'a negative Content-Length': post(['Content-Length: -1'], inner),
  'a hexadecimal Content-Length': post(['Content-Length: 0x0'], inner),
  'a fractional Content-Length': post(['Content-Length: 0.0'], inner),
  'a Content-Length of two words': post(['Content-Length: 0 5'], inner),
  'an empty Content-Length': post(['Content-Length:'], inner),
  'a Content-Length beyond 64 bits': post(['Content-Length: 18446744073709551616'], inner),
  'two Transfer-Encodings': post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], chunked('') + inner),
  'chunked twice': post(['Transfer-Encoding: chunked, chunked'], chunked('') + inner),
  'gzip before chunked': post(['Transfer-Encoding: gzip, chunked'], chunked('') + inner),
  'gzip in a line of its own before chunked': post(
    ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'],
    chunked('') + inner,
  ),
  'gzip after chunked': post(['Transfer-Encoding: chunked, gzip'], chunked('') + inner),
  'gzip alone': post(['Transfer-Encoding: gzip'], inner),
  identity: post(['Transfer-Encoding: identity'], inner),
  'a coding that ends in chunked': post(['Transfer-Encoding: xchunked'], chunked('') + inner),
  'a coding with a parameter': post(['Transfer-Encoding: chunked;q=1'], chunked('') + inner),
  'a quoted coding': post(['Transfer-Encoding: "chunked"'], chunked('') + inner),
  'a vertical tab before the coding': post(['Transfer-Encoding: \x0bchunked'], chunked('') + inner),
  'a space before the colon': post(['Transfer-Encoding : chunked'], chunked('') + inner),
  'a coding in a folded line': post(['Transfer-Encoding:', ' chunked'], chunked('') + inner),
  'a Content-Length behind a bare line feed': post([`X: a\nContent-Length: ${inner.length}`], inner),
  'a Content-Length behind a bare carriage return': post([`X: a\rContent-Length: ${inner.length}`], inner),
  'Transfer-Encoding in HTTP/1.0': post(['Transfer-Encoding: chunked'], chunked('') + inner, 'HTTP/1.0'),
};

const malformed: Record<string, string> = {
  'a folded line': rawRequest({ lines: ['X: a', ' b'] }),
  'a line fold of a tab': rawRequest({ lines: ['X: a', '\tb'] }),
  'a fold before the first header': 'GET /open/crm/x HTTP/1.1\r\n Host: gateway.test\r\n\r\n',
  'a bare line feed': rawRequest({ lines: ['X: a\nY: b'] }),
  'line feeds only': rawRequest().replaceAll('\r\n', '\n'),
  'a bare carriage return': rawRequest({ lines: ['X: a\rb'] }),
  'NUL in a value': rawRequest({ lines: ['X: a\0b'] }),
  'NUL in a name': rawRequest({ lines: ['X\0Y: a'] }),
  'a control character in a value': rawRequest({ lines: ['X: a\x01b'] }),
  'DEL in a value': rawRequest({ lines: ['X: a\x7fb'] }),
  'a space before the colon': rawRequest({ lines: ['X : a'] }),
  'a tab before the colon': rawRequest({ lines: ['X\t: a'] }),
  'a name with a bracket': rawRequest({ lines: ['X(: a'] }),
  'no name': rawRequest({ lines: [': a'] }),
  'no colon': rawRequest({ lines: ['X'] }),
  'a chunk size of letters': post(['Transfer-Encoding: chunked'], `zz\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with letters behind': post(['Transfer-Encoding: chunked'], `3zz\r\nabc\r\n0\r\n\r\n${inner}`),
  'a negative chunk size': post(['Transfer-Encoding: chunked'], `-3\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with a plus': post(['Transfer-Encoding: chunked'], `+3\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with 0x': post(['Transfer-Encoding: chunked'], `0x3\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with an underscore': post(['Transfer-Encoding: chunked'], `1_0\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size beyond 64 bits': post(
    ['Transfer-Encoding: chunked'],
    `1${'0'.repeat(16)}3\r\nabc\r\n0\r\n\r\n${inner}`,
  ),
  'a chunk longer than its size': post(['Transfer-Encoding: chunked'], `3\r\nabcd\r\n0\r\n\r\n${inner}`),
  'a line feed in a chunk extension': post(['Transfer-Encoding: chunked'], `3;a\nb\r\nabc\r\n0\r\n\r\n${inner}`),
  'chunks that end in line feeds': post(['Transfer-Encoding: chunked'], `3\nabc\n0\n\n${inner}`),
  'a folded trailer': post(['Transfer-Encoding: chunked'], `0\r\nX: a\r\n b\r\n\r\n${inner}`),
  'HTTP/0.9': 'GET /open/crm/x\r\n\r\n',
  'HTTP/0.9 by its number': rawRequest({ version: 'HTTP/0.9' }),
  'HTTP/2.0': rawRequest({ version: 'HTTP/2.0' }),
  'HTTP/1.2': rawRequest({ version: 'HTTP/1.2' }),
  'a version in lower case': rawRequest({ version: 'http/1.1' }),
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS client': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  words: 'Lorem ipsum dolor sit amet\r\n\r\n',
};

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
