import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { parseAnswers, untilAnswers } from '../support/raw-answers.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { type RawUpstream, rawUpstream } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const utf8 = Buffer.from('Zoë 日本').toString('latin1');
const latin1 = 'Zo\xeb \x80\xff';

let upstream: RawUpstream;
let backend: RecordingBackend;
let gateway: TestGateway;
/** What the service answers with, as latin1. */
let answer = '';
let heads: string[] = [];

beforeAll(async () => {
  upstream = await rawUpstream((socket, head) => {
    heads.push(head);
    socket.write(Buffer.from(answer, 'latin1'));
  });
  backend = await startRecordingBackend();
  gateway = await startGateway({ upstreams: { crm: upstream.port, tickets: backend.port } });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
  await backend.stop();
});
beforeEach(() => {
  heads = [];
  backend.reset();
});

/** The header lines that a client gets when the service sends these, in lower case up to the colon. */
async function passedBack(lines: readonly string[]): Promise<string[]> {
  answer = `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\nContent-Length: 2\r\n\r\nok`;
  const { text } = await sendRaw(gateway.port, rawRequest(), { until: untilAnswers(1), silenceMs: 5000 });
  expect(parseAnswers(text)[0]).toMatchObject({ status: 200, body: 'ok' });
  return text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').slice(1);
}

/** The values that the service gets of a header, when a client sends these lines. */
async function passedOn(lines: readonly string[], name: string): Promise<string[] | undefined> {
  const request = rawRequest({ target: '/open/tickets/x', lines });
  await sendRaw(gateway.port, request, { until: untilAnswers(1), silenceMs: 5000 });
  return backend.requests[0]?.headers[name];
}

describe('headers of an answer', () => {
  it.each([
    ['bytes above ASCII', `x-a: ${latin1}`],
    ['UTF-8', `x-a: ${utf8}`],
    ['UTF-8 beside a length', `content-disposition: attachment; filename="${utf8}"`],
    ['nothing', 'x-a: '],
    ['8 KiB', `x-a: ${'a'.repeat(8192)}`],
    ['a colon and quotes', 'x-a: "a:b", c; d="e\\"f"'],
    ['a tab', 'x-a: a\tb'],
  ])('with a value of %s pass byte by byte', async (_what, line) => {
    expect(await passedBack([line])).toContain(line);
  });

  it('that are repeated pass apart and in their order', async () => {
    const repeated = [
      'link: <a>',
      'link: <b>',
      'x-a: 1',
      'x-a: 2',
      'www-authenticate: Basic',
      'www-authenticate: Bearer',
    ];
    const passed = await passedBack(repeated);
    expect(passed.filter((line) => /^(?:link|x-a|www-authenticate):/.test(line))).toEqual(repeated);
  });

  it('have names in lower case, however the service writes them', async () => {
    expect(await passedBack(['X-MiXeD: CaSe'])).toContain('x-mixed: CaSe');
  });

  it('as many as fifty cookies pass byte by byte and in their order', async () => {
    const cookies = Array.from(
      { length: 50 },
      (_, n) => `set-cookie: c${n % 7}=${latin1}${n}; Path=/; Expires=Thu, 01 Jan 2037`,
    );
    expect((await passedBack(cookies)).filter((line) => line.startsWith('set-cookie:'))).toEqual(cookies);
  });
});

describe('headers of a request', () => {
  it.each([
    ['bytes above ASCII', latin1],
    ['UTF-8', utf8],
    ['nothing', ''],
    ['8 KiB', 'a'.repeat(8192)],
    ['a colon and quotes', '"a:b", c; d="e\\"f"'],
  ])('with a value of %s pass byte by byte', async (_what, value) => {
    expect(await passedOn([`X-A: ${value}`], 'x-a')).toEqual([value]);
  });

  it('that are repeated pass as one list, in their order', async () => {
    expect(await passedOn(['X-A: 1', 'X-B: x', 'x-a: 2, 3'], 'x-a')).toEqual(['1, 2, 3']);
  });

  it('of cookies pass as one, as HTTP has it', async () => {
    expect(await passedOn(['Cookie: a=1', 'Cookie: b=2; c=3'], 'cookie')).toEqual(['a=1; b=2; c=3']);
  });

  it.each(['gzip, br;q=0.5', 'identity', undefined])('say of codings what the client says: %p', async (codings) => {
    const lines = codings === undefined ? [] : [`Accept-Encoding: ${codings}`];
    expect(await passedOn(lines, 'accept-encoding')).toEqual(codings === undefined ? undefined : [codings]);
  });
});

describe('a part of a body', () => {
  it('that is asked for and given passes, with what says which it is', async () => {
    answer = 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/4\r\nETag: "v1"\r\nContent-Length: 2\r\n\r\nbc';
    const headers = { range: 'bytes=1-2', 'if-range': '"v1"' };
    const got = await call(`${gateway.url}/open/crm/x`, { headers });
    expect(got).toMatchObject({
      status: 206,
      failure: undefined,
      headers: { 'content-range': 'bytes 1-2/4', etag: '"v1"' },
    });
    expect(got.body.toString()).toBe('bc');
    expect(heads[0]).toMatch(/^range: bytes=1-2$/im);
    expect(heads[0]).toMatch(/^if-range: "v1"$/im);
  });

  it('is no part where the service gives the whole', async () => {
    answer = 'HTTP/1.1 200 OK\r\nETag: "v2"\r\nContent-Length: 4\r\n\r\nabcd';
    const got = await call(`${gateway.url}/open/crm/x`, { headers: { range: 'bytes=1-2', 'if-range': '"v1"' } });
    expect(got).toMatchObject({ status: 200, failure: undefined, headers: { etag: '"v2"' } });
    expect(got.body.toString()).toBe('abcd');
  });

  it('or several of them pass byte by byte', async () => {
    const parts = ['0-0', '3-3'].map((range) => `--B\r\nContent-Range: bytes ${range}/4\r\n\r\nx\r\n`).join('');
    const body = `${parts}--B--\r\n`;
    const type = 'multipart/byteranges; boundary=B';
    answer = `HTTP/1.1 206 Partial Content\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const got = await call(`${gateway.url}/open/crm/x`, { headers: { range: 'bytes=0-0,3-3' } });
    expect(got).toMatchObject({ status: 206, failure: undefined, headers: { 'content-type': type } });
    expect(got.body.toString()).toBe(body);
  });

  it('that the service can not give is a 416 with what it has', async () => {
    answer = 'HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */4\r\nContent-Length: 0\r\n\r\n';
    const got = await call(`${gateway.url}/open/crm/x`, { headers: { range: 'bytes=9-' } });
    expect(got).toMatchObject({ status: 416, failure: undefined, headers: { 'content-range': 'bytes */4' } });
  });
});

describe('an answer to HEAD', () => {
  const PLAIN = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood';

  it('that has a body all the same spoils no next answer, even if that body is an answer by itself', async () => {
    const forged = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged';
    for (let n = 0; n < 5; n++) {
      answer = `HTTP/1.1 200 OK\r\nContent-Length: ${forged.length}\r\n\r\n${forged}`;
      const head = await call(`${gateway.url}/open/crm/x`, { method: 'HEAD' });
      expect(head).toMatchObject({
        status: 200,
        failure: undefined,
        headers: { 'content-length': String(forged.length) },
      });
      answer = PLAIN;
      expect((await call(`${gateway.url}/open/crm/x`)).body.toString()).toBe('good');
    }
  });

  it('ends the connection to the service: its body might come later than the next request', async () => {
    answer = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n';
    await call(`${gateway.url}/open/crm/x`, { method: 'HEAD' });
    expect(heads[0]).toMatch(/^connection: close$/im);
    await until('no connection', () => upstream.connectionCount() === 0);
  });

  it('of unknown length has no body and is complete', async () => {
    answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await call(`${gateway.url}/open/crm/x`, { method: 'HEAD' })).toMatchObject({
      status: 200,
      failure: undefined,
    });
  });
});
