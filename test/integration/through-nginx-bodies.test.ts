import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, constants } from 'node:http2';
import { get, request } from 'node:https';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';

const MAX_BYTES = 10_485_760;
const MIB = 1024 * 1024;
const chunked = { 'transfer-encoding': 'chunked' };
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

let direct: GatewayWithBackend;
let throughNginx: GatewayWithBackend;
/** Sends one event on each stream that is open at the backend. */
let sendEvent = (_text: string): void => undefined;

beforeAll(async () => {
  const routes = [
    { path: '/open/crm/*', upstream: 'crm', auth: 'none' },
    { path: '/small/crm/*', upstream: 'crm', auth: 'none', maxBodyBytes: 1000 },
  ];
  const options = { routes, answer };
  direct = await startGatewayWithBackend(options);
  throughNginx = await startGatewayWithBackend({ ...options, isBehindNginx: true });
});
afterAll(() => Promise.all([direct.stop(), throughNginx.stop()]));
beforeEach(() => {
  direct.backend.reset();
  throughNginx.backend.reset();
});

const answer: NonNullable<Parameters<typeof startGatewayWithBackend>[0]>['answer'] = (req, res) => {
  if (req.url?.endsWith('/events')) {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    sendEvent = (text) => void res.write(text);
    return;
  }
  if (req.url?.endsWith('/elsewhere')) {
    res.setHeader('X-Accel-Redirect', '/open/crm/secret');
    res.setHeader('X-Accel-Limit-Rate', '1');
  }
  if (req.url?.endsWith('/large-head')) res.setHeader('X-Large', Array(3).fill('a'.repeat(10_000)));
  const hash = createHash('sha256');
  req.on('data', (chunk: Buffer) => hash.update(chunk));
  req.on('end', () => res.end(hash.digest('hex')));
};

function ways() {
  const { nginx } = throughNginx;
  if (nginx === undefined) throw new Error('nginx was not started');
  return {
    directly: { front: direct, url: direct.gateway.url, options: {} },
    'through nginx': { front: throughNginx, url: nginx.httpsUrl, options: { ca: nginx.ca } },
  };
}

describe.each(['directly', 'through nginx'] as const)('%s', (way) => {
  it.each([{}, chunked])('a body of exactly 10 MiB passes byte by byte (%p)', async (headers) => {
    const { url, options } = ways()[way];
    const body = randomBytes(MAX_BYTES);
    const answer = await call(`${url}/open/crm/x`, { method: 'POST', headers, body, ...options });
    expect(answer).toMatchObject({ status: 200, failure: undefined });
    expect(answer.body.toString()).toBe(sha256(body));
  });

  it('one that is declared a byte longer is 413, before any of it is sent', async () => {
    const { front } = ways()[way];
    const lines = [`Content-Length: ${MAX_BYTES + 1}`];
    const { answers } = await front.exchange(rawRequest({ method: 'POST', lines }));
    expect(answers[0]).toMatchObject({ status: 413, headers: { 'x-gateway-reason': 'body_too_large' } });
    expect(front.backend.rawBytes()).toEqual([]);
  });

  it('one of unknown length that is a byte longer never reaches the service whole', async () => {
    const { front, url, options } = ways()[way];
    const body = [...Array.from({ length: 10 }, () => Buffer.alloc(MIB)), Buffer.alloc(1)];
    const answer = await call(`${url}/open/crm/x`, { method: 'POST', headers: chunked, body, ...options });
    expect([answer.status, reasonOf(answer)]).toEqual([413, 'body_too_large']);
    expect(front.backend.requests).toEqual([]);
  });

  it('the smaller limit of a route is the one that counts there', async () => {
    const { url, options } = ways()[way];
    const answer = await call(`${url}/small/crm/x`, { method: 'POST', body: Buffer.alloc(1001), ...options });
    expect([answer.status, reasonOf(answer)]).toEqual([413, 'body_too_large']);
    const within = await call(`${url}/small/crm/x`, { method: 'POST', body: Buffer.alloc(1000), ...options });
    expect(within.status).toBe(200);
  });

  it.each([
    ['a header of 15 KiB passes', { lines: [`X: ${'a'.repeat(15_000)}`] }, 200],
    ['a header of 17 KiB is 431', { lines: [`X: ${'a'.repeat(17_000)}`] }, 431],
    ['a path of 17 KiB is 431', { target: `/open/crm/${'a'.repeat(17_000)}` }, 431],
    [
      'headers of 20 KiB together are 431',
      { lines: Array.from({ length: 50 }, (_, i) => `X-${i}: ${'a'.repeat(400)}`) },
      431,
    ],
    ['more than 100 fields are 431', { lines: Array.from({ length: 101 }, (_, i) => `X-${i}: a`) }, 431],
  ])('%s', async (_name, parts, status) => {
    const { answers } = await ways()[way].front.exchange(rawRequest(parts));
    expect(answers[0]?.status).toBe(status);
    if (status !== 200) expect(answers[0]?.headers['x-gateway-reason']).toBe('header_too_large');
  });

  it('an answer with a head of 30 KiB passes', async () => {
    const { answers } = await ways()[way].front.exchange(rawRequest({ target: '/open/crm/large-head' }));
    expect(answers[0]?.status).toBe(200);
  });
});

describe('through nginx', () => {
  it('an upload is at the service while its client is still sending', async () => {
    const { front, url, options } = ways()['through nginx'];
    const upload = request(`${url}/open/crm/x`, { method: 'POST', headers: chunked, agent: false, ...options });
    const answered = once(upload, 'response');
    upload.write('first');
    await until('the first bytes', () => front.backend.rawBytes().join('').includes('first'));
    upload.end('last');
    const [res] = (await answered) as [IncomingMessage];
    expect(res.statusCode).toBe(200);
    res.resume();
  });

  it('an event arrives as soon as it is sent', async () => {
    const { url, options } = ways()['through nginx'];
    let seen = '';
    const reading = get(`${url}/open/crm/events`, { ...options, agent: false }, (res) => {
      res.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
      });
      res.on('error', () => undefined);
      seen += `${res.statusCode} ${res.headers['content-type']}\n`;
    });
    reading.on('error', () => undefined);
    await until('the head', () => seen === '200 text/event-stream\n');
    for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      sendEvent(event);
      await until('the event', () => seen.endsWith(event));
    }
    reading.destroy();
  });

  it('an event arrives as soon as it is sent over HTTP/2 too', async () => {
    const { front, url, options } = ways()['through nginx'];
    const session = connect(url, options);
    const stream = session.request({ [constants.HTTP2_HEADER_PATH]: '/open/crm/events' });
    let seen = '';
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    // nginx keeps the head back until there is an event.
    await until('the request', () => front.backend.requests.length > 0);
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      sendEvent(event);
      await until('the event', () => seen.endsWith(event));
    }
    stream.close();
    session.destroy();
  });

  it('a body that is declared too long is refused in the same words over HTTP/2', async () => {
    const { url, options } = ways()['through nginx'];
    const session = connect(url, options);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/open/crm/x',
      [constants.HTTP2_HEADER_CONTENT_LENGTH]: String(MAX_BYTES + 1),
    });
    const [headers] = await once(stream, 'response');
    expect(headers).toMatchObject({ ':status': 413, 'x-gateway-reason': 'body_too_large' });
    expect(headers['content-type']).toBe('application/problem+json');
    stream.close();
    session.destroy();
  });

  it('a service can not send nginx elsewhere, or slow it down', async () => {
    const { front, url, options } = ways()['through nginx'];
    const answer = await call(`${url}/open/crm/elsewhere`, options);
    expect(answer.body.toString()).toBe(sha256(Buffer.alloc(0)));
    expect(front.backend.requests.map(({ url }) => url)).toEqual(['/open/crm/elsewhere']);
  });
});
