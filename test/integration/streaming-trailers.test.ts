import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { sendRaw } from '../support/raw-client.ts';
import { chunked, rawRequest } from '../support/raw-request.ts';
import { type RawUpstream, rawUpstream } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

const TAKES_TRAILERS = 'TE: trailers';
const sum = createHash('sha256').update('ok').digest('base64');

let upstream: RawUpstream;
let backend: RecordingBackend;
let gateway: TestGateway;
/** What the service answers with. */
let answer = '';

beforeAll(async () => {
  upstream = await rawUpstream((socket) => void socket.write(Buffer.from(answer, 'latin1')));
  backend = await startRecordingBackend();
  gateway = await startGateway({ upstreams: { crm: upstream.port, tickets: backend.port } });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
  await backend.stop();
});

interface Answer {
  readonly head?: readonly string[];
  readonly trailers?: readonly string[];
}

/** The head, and what follows the last chunk, when the service answers with these lines. */
async function received({ head = [], trailers = [] }: Answer, request: Parameters<typeof rawRequest>[0] = {}) {
  const lines = ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', ...head];
  answer = `${lines.join('\r\n')}\r\n\r\n2\r\nok\r\n0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`;
  const isOver = (text: string) => text.split('\r\n\r\n').length > 2 && text.endsWith('\r\n\r\n');
  const { text } = await sendRaw(gateway.port, rawRequest({ lines: [TAKES_TRAILERS], ...request }), {
    until: isOver,
    silenceMs: 2000,
  });
  const bodyAt = text.indexOf('\r\n\r\n') + 4;
  const [top, body] = [text.slice(0, bodyAt), text.slice(bodyAt)];
  return { announced: /^trailer: (.*)$/im.exec(top)?.[1], end: body.slice(body.indexOf('0\r\n') + 3) };
}

describe('trailers of an answer', () => {
  it('that are announced pass to a client that takes them, and are announced to it', async () => {
    const { announced, end } = await received({
      head: ['Trailer: Repr-Digest, Server-Timing'],
      trailers: [`Repr-Digest: sha-256=:${sum}:`, 'Server-Timing: db;dur=1', 'Server-Timing: app;dur=2'],
    });
    expect(announced).toBe('repr-digest, server-timing');
    expect(end).toBe(`repr-digest: sha-256=:${sum}:\r\nserver-timing: db;dur=1\r\nserver-timing: app;dur=2\r\n\r\n`);
  });

  it.each(['TE: deflate;q=0.5, trailers', 'te: Trailers', 'TE: trailers;q=1'])(
    'pass to a client that says `%s`',
    async (line) => {
      const { end } = await received({ head: ['Trailer: X-Sum'], trailers: ['X-Sum: 1'] }, { lines: [line] });
      expect(end).toBe('x-sum: 1\r\n\r\n');
    },
  );

  it.each([[], ['TE: deflate'], ['TE: trailersx'], ['X-TE: trailers']])(
    'end at the gateway for a client that does not take them (%p)',
    async (...lines) => {
      const { announced, end } = await received({ head: ['Trailer: X-Sum'], trailers: ['X-Sum: 1'] }, { lines });
      expect(announced).toBeUndefined();
      expect(end).toBe('\r\n');
    },
  );

  it('that are not announced end at the gateway', async () => {
    const { announced, end } = await received({ head: ['Trailer: X-Sum'], trailers: ['X-Sum: 1', 'X-Other: 2'] });
    expect(announced).toBe('x-sum');
    expect(end).toBe('x-sum: 1\r\n\r\n');
    expect(await received({ trailers: ['X-Sum: 1'] })).toEqual({ announced: undefined, end: '\r\n' });
  });

  it.each([
    'Set-Cookie',
    'X-User-Id',
    'X-Tenant-Id',
    'X-Gateway-Reason',
    'X-Request-Id',
    'Authorization',
    'Location',
    'Content-Type',
    'Content-Encoding',
    'Cache-Control',
    'Connection',
    'Trailer',
    'Keep-Alive',
    'Server',
    'Access-Control-Allow-Origin',
    'Strict-Transport-Security',
    'Vary',
    'a b',
  ])('named %s end at the gateway, announced or not', async (name) => {
    const trailers = name.includes(' ') ? [] : [`${name}: 1`];
    const { announced, end } = await received({
      head: [`Trailer: X-Sum, ${name}`],
      trailers: ['X-Sum: 1', ...trailers],
    });
    expect(announced).toBe('x-sum');
    expect(end).toBe('x-sum: 1\r\n\r\n');
  });

  it('end at the gateway for a client of HTTP/1.0', async () => {
    answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n';
    const { text } = await sendRaw(gateway.port, rawRequest({ version: 'HTTP/1.0', lines: [TAKES_TRAILERS] }));
    expect(text).not.toMatch(/x-sum/i);
    expect(text.endsWith('\r\n\r\nok')).toBe(true);
  });

  it.each([
    ['204', 'HTTP/1.1 204 No Content\r\nTrailer: X-Sum\r\n\r\n', 'GET'],
    ['304', 'HTTP/1.1 304 Not Modified\r\nTrailer: X-Sum\r\n\r\n', 'GET'],
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: X-Sum\r\n\r\nok', 'GET'],
    ['an answer to HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n', 'HEAD'],
  ])('are not announced where there is no last chunk: %s', async (_what, bytes, method) => {
    answer = bytes;
    const { text } = await sendRaw(gateway.port, rawRequest({ method, lines: [TAKES_TRAILERS] }));
    expect(text).toMatch(/^HTTP\/1\.1 (?:200|204|304) /);
    expect(text).not.toMatch(/trailer/i);
  });

  it('that are no headers break the answer off', async () => {
    answer =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: \x01\r\n\r\n';
    const { text, isClosed } = await sendRaw(gateway.port, rawRequest({ lines: [TAKES_TRAILERS] }), {
      silenceMs: 5000,
    });
    expect(isClosed).toBe(true);
    expect(text).not.toContain('\r\n0\r\n');
  });
});

describe('trailers of a request', () => {
  it('end at the gateway, and so does what announces and asks for them', async () => {
    const body = chunked('x').replace(/\r\n$/, 'X-User-Id: root\r\nX-Sum: 1\r\n\r\n');
    const lines = ['Trailer: X-User-Id, X-Sum', TAKES_TRAILERS, 'Transfer-Encoding: chunked'];
    const request = rawRequest({ method: 'POST', target: '/open/tickets/x', lines });
    const isOver = (text: string) => text.includes('"ok"');
    await sendRaw(gateway.port, request + body, { until: isOver, silenceMs: 5000 });
    expect(backend.requests).toMatchObject([{ method: 'POST', body: 'x' }]);
    expect(backend.rawBytes().join('')).not.toMatch(/trailer|x-user-id|x-sum|^te:/im);
  });
});
