import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { sendRaw } from '../support/raw-client.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const LIMIT = 1000;

let backend: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  backend = await startRecordingBackend((req, res) => {
    const hash = createHash('sha256');
    req.on('data', (chunk: Buffer) => hash.update(chunk));
    req.on('end', () => res.end(hash.digest('hex')));
  });
  gateway = await startGateway({
    upstreams: { crm: backend.port },
    routes: [
      { path: '/small/*', upstream: 'crm', auth: 'none', maxBodyBytes: LIMIT },
      { path: '/none/*', upstream: 'crm', auth: 'none', maxBodyBytes: 0 },
      { path: '/large/*', upstream: 'crm', auth: 'none' },
    ],
  });
});

beforeEach(() => backend.reset());

afterAll(async () => {
  await gateway.stop();
  await backend.stop();
});

const chunked = { 'transfer-encoding': 'chunked' };
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('a body above the limit of its route', () => {
  it('is refused by its declared length, before the upstream hears of it', async () => {
    const answer = await call(`${gateway.url}/small/x`, { method: 'POST', body: Buffer.alloc(LIMIT + 1) });
    expect(answer.status).toBe(413);
    expect(reasonOf(answer)).toBe('body_too_large');
    expect(backend.rawBytes()).toEqual([]);
  });

  it('is refused by its declared length before it is sent', async () => {
    const head = `POST /small/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${LIMIT + 1}\r\n\r\n`;
    const { text } = await sendRaw(gateway.port, head, { until: (seen) => seen.includes('body_too_large"') });
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is refused by counting when its length is not declared, and the upstream never sees a whole one', async () => {
    const body = Array.from({ length: 11 }, () => Buffer.alloc(LIMIT / 10));
    const answer = await call(`${gateway.url}/small/x`, { method: 'POST', headers: chunked, body });
    expect(answer.status).toBe(413);
    expect(reasonOf(answer)).toBe('body_too_large');
    expect(answer.headers.connection).toBe('close');
    await until('no connection at the upstream', () => backend.connectionCount() === 0);
    expect(backend.requests).toEqual([]);
  });

  it('of a client that never stops sending is refused, and its connection ends', async () => {
    const head = 'POST /small/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`;
    const { text, isClosed } = await sendRaw(gateway.port, head + chunk.repeat(100), { silenceMs: 3000 });
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(isClosed).toBe(true);
  });

  it('opens no breaker', async () => {
    const refused = () =>
      call(`${gateway.url}/small/x`, { method: 'POST', headers: chunked, body: 'x'.repeat(LIMIT + 1) });
    for (let n = 0; n < 20; n++) expect((await refused()).status).toBe(413);
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0 });
  });

  it('is any body at all where the limit is 0', async () => {
    expect((await call(`${gateway.url}/none/x`, { method: 'POST', body: 'x' })).status).toBe(413);
    expect((await call(`${gateway.url}/none/x`, { method: 'POST', headers: chunked, body: 'x' })).status).toBe(413);
    expect((await call(`${gateway.url}/none/x`, { method: 'POST', headers: { 'content-length': '0' } })).status).toBe(
      200,
    );
    expect((await call(`${gateway.url}/none/x`)).status).toBe(200);
  });
});

describe('a body within the limit', () => {
  it.each([{}, chunked])('passes at exactly the limit (%p)', async (headers) => {
    const body = randomBytes(LIMIT);
    const answer = await call(`${gateway.url}/small/x`, { method: 'POST', headers, body });
    expect(answer.body.toString()).toBe(sha256(body));
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/xml',
    'application/octet-stream',
    'application/gzip',
    'application/graphql',
    'image/png',
    'nonsense',
  ])('of type %s passes unread, byte by byte', async (type) => {
    const body = randomBytes(5000);
    const answer = await call(`${gateway.url}/large/x`, { method: 'POST', headers: { 'content-type': type }, body });
    expect(answer.body.toString()).toBe(sha256(body));
    expect(backend.requests.at(-1)?.headers).toMatchObject({ 'content-type': [type], 'content-length': ['5000'] });
  });

  it('that is said to be JSON and is none is not our business', async () => {
    const headers = { 'content-type': 'application/json' };
    const answer = await call(`${gateway.url}/large/x`, { method: 'POST', headers, body: '{"__proto__":' });
    expect(answer.status).toBe(200);
    expect(backend.requests.at(-1)?.body).toBe('{"__proto__":');
  });

  it.each([{}, chunked])('of 8 MiB passes byte by byte, without being collected (%p)', async (headers) => {
    const body = randomBytes(8 * 1024 * 1024);
    const answer = await call(`${gateway.url}/large/x`, { method: 'PUT', headers, body });
    expect(answer).toMatchObject({ status: 200, failure: undefined });
    expect(answer.body.toString()).toBe(sha256(body));
  });

  it.each([
    ['GET', {}],
    ['GET', chunked],
    ['DELETE', {}],
    ['DELETE', chunked],
    ['OPTIONS', {}],
    ['PATCH', chunked],
  ])('of %s passes (%p), and is not taken for a next request', async (method, headers) => {
    const body = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n';
    const answer = await call(`${gateway.url}/large/x`, {
      method,
      headers: 'transfer-encoding' in headers ? headers : { 'content-length': String(body.length) },
      body,
    });
    expect(answer.status).toBe(200);
    expect(backend.requests).toMatchObject([{ method, url: '/large/x', body }]);
  });

  it.each(['POST', 'PUT', 'PATCH'])('of no bytes is a %s with Content-Length: 0', async (method) => {
    await call(`${gateway.url}/large/x`, { method, headers: { 'content-length': '0' } });
    expect(backend.requests).toMatchObject([{ method, body: '', headers: { 'content-length': ['0'] } }]);
  });

  it('of no chunks passes', async () => {
    const request = 'POST /large/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    const { text } = await sendRaw(gateway.port, request, { until: (seen) => seen.includes(sha256(Buffer.alloc(0))) });
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('leaves the client connection in order for the next request', async () => {
    const post = `POST /large/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`;
    const { text } = await sendRaw(gateway.port, post.repeat(10), {
      until: (seen) => seen.split(sha256(Buffer.from('hello'))).length === 11,
    });
    expect(text.split('HTTP/1.1 200 ')).toHaveLength(11);
  });
});
