import { afterEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { parseAnswers, untilAnswers } from '../support/raw-answers.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';
import { handshakeLines, openSocket } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

let service: WebSocketService;
let gateway: TestGateway;

async function start(): Promise<void> {
  service = await startWebSocketService();
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [
      { path: '/open/live/*', upstream: 'live', stripPrefix: '/open/live', auth: 'none', websocket: {} },
      { path: '/open/plain/*', upstream: 'live', stripPrefix: '/open/plain', auth: 'none' },
    ],
  });
}

afterEach(async () => {
  await gateway.stop();
  await service.stop();
});

async function ask(bytes: string, answers = 1) {
  const { text } = await sendRaw(gateway.port, bytes, { until: untilAnswers(answers), silenceMs: 3000 });
  return parseAnswers(text);
}

const handshake = (lines: readonly string[] = [], options: Parameters<typeof rawRequest>[0] = {}) =>
  rawRequest({ target: '/open/live/x', lines: [...handshakeLines, ...lines], ...options });

const without = (name: string, ...instead: string[]) =>
  rawRequest({
    target: '/open/live/x',
    lines: [...handshakeLines.filter((line) => !line.startsWith(`${name}:`)), ...instead],
  });

describe('a request for a WebSocket', () => {
  it.each([
    ['of another method', handshake([], { method: 'POST' }), 'method'],
    ['of HTTP/1.0', handshake([], { version: 'HTTP/1.0' }), 'HTTP/1.1'],
    ['without Connection: Upgrade', without('Connection'), 'Connection'],
    ['with more than one protocol', without('Upgrade', 'Upgrade: websocket, h2c'), 'Upgrade'],
    ['without a key', without('Sec-WebSocket-Key'), 'Key'],
    ['with an empty key', without('Sec-WebSocket-Key', 'Sec-WebSocket-Key:'), 'Key'],
    ['with a short key', without('Sec-WebSocket-Key', 'Sec-WebSocket-Key: c2hvcnQ='), 'Key'],
    ['with a key of 17 bytes', without('Sec-WebSocket-Key', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE='), 'Key'],
    [
      'with a key that is no base64',
      without('Sec-WebSocket-Key', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ*='),
      'Key',
    ],
    ['with two keys', handshake(['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']), 'Key'],
    ['with a body', handshake([], { body: 'abc' }), 'body'],
    ['with a chunked body', handshake([], { body: 'abc', isChunked: true }), 'body'],
    ['with bytes behind it', `${handshake()}GET /open/plain/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`, 'before'],
    ['with a frame behind it', `${handshake()}\x81\x80\x00\x00\x00\x00`, 'before'],
    ['by a whole URL', handshake([], { target: 'http://gateway.test/open/live/x' }), 'alone'],
  ])('is refused %s', async (_what, bytes, why) => {
    await start();
    const [answer, ...more] = await ask(bytes);
    const { detail } = expectProblem(answer, { status: 400, reason: 'invalid_request' });
    expect(detail).toContain(why);
    expect(answer?.headers.connection).toBe('close');
    expect([more, service.handshakes, service.requests]).toEqual([[], [], []]);
  });

  it('is refused together with its connection', async () => {
    await start();
    const { text, isClosed } = await sendRaw(gateway.port, handshake(['Sec-WebSocket-Protocol: x'], { target: '/x' }), {
      silenceMs: 3000,
    });
    expectProblem(parseAnswers(text)[0], { status: 404, reason: 'route_not_found' });
    expect(isClosed).toBe(true);
    const early = await sendRaw(gateway.port, `${handshake()}x`, { silenceMs: 3000 });
    expectProblem(parseAnswers(early.text)[0], { status: 400, reason: 'invalid_request' });
    expect(early.isClosed).toBe(true);
  });

  it.each(['12', '8', '13, 8', ''])('is refused with 426 and our version if it is of version "%s"', async (version) => {
    await start();
    const [answer] = await ask(without('Sec-WebSocket-Version', `Sec-WebSocket-Version: ${version}`));
    expectProblem(answer, { status: 426, reason: 'invalid_request' });
    expect(answer?.headers).toMatchObject({
      'sec-websocket-version': '13',
      upgrade: 'websocket',
      connection: 'Upgrade, close',
    });
  });

  it.each(['/health', '/open/plain/x'])('is refused behind a request that is being answered: %s', async (first) => {
    await start();
    const answers = await ask(rawRequest({ target: first }) + handshake(), 2);
    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
    expect(service.handshakes).toEqual([]);
  });

  it('is served on a connection that has carried requests', async () => {
    await start();
    let isSent = false;
    const bytes = rawRequest({ target: '/open/plain/x' });
    const { createConnection } = await import('node:net');
    const socket = createConnection({ port: gateway.port, host: '127.0.0.1' });
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
      if (!isSent && text.endsWith('plain')) {
        isSent = true;
        socket.write(handshake());
      }
    });
    socket.write(bytes);
    await until('the 101', () => text.includes('HTTP/1.1 101 '));
    expect(text).toMatch(/^connection: upgrade\r$/im);
    expect(text).toMatch(/^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im);
    socket.destroy();
  });

  it.each([
    ['of a route that has none', '/open/plain/x', handshakeLines],
    [
      'for another protocol',
      '/open/live/x',
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: A'],
    ],
  ])('is a plain request %s', async (_what, target, lines) => {
    await start();
    const [answer] = await ask(rawRequest({ target, lines }));
    expect(answer).toMatchObject({ status: 200, body: 'plain' });
    const [request] = service.requests;
    expect([request?.headers.upgrade, request?.headers['http2-settings']]).toEqual([undefined, undefined]);
    expect(request?.headers.connection).not.toMatch(/upgrade/i);
    expect(service.handshakes).toEqual([]);
  });

  it('reaches no route by another spelling of its path', async () => {
    await start();
    for (const target of ['/open/live/../live/x', '/open//live/x', '/open%2flive/x', '/OPEN/live/x', '/open/live\\x']) {
      const [answer] = await ask(handshake([], { target }));
      expect([400, 404]).toContain(answer?.status);
    }
    expect(service.handshakes).toEqual([]);
  });

  it('is one request at the service, with nothing of HTTP behind it', async () => {
    await start();
    const socket = await openSocket(`${gateway.url}/open/live/x`);
    socket.ws.send('GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('the echo', () => socket.messages.length === 1);
    expect([service.handshakes.length, service.requests.length]).toEqual([1, 0]);
    socket.ws.terminate();
  });
});

describe('pages of other origins', () => {
  it.each([
    ['https://app.example.com', true],
    [undefined, true],
    ['https://evil.example.com', false],
    ['null', false],
    ['https://app.example.com.evil.com', false],
    ['http://app.example.com', false],
    ['HTTPS://APP.EXAMPLE.COM', false],
  ])('may connect only if ALLOWED_ORIGINS says so: %s', async (origin, isAllowed) => {
    service = await startWebSocketService();
    gateway = await startGateway({
      upstreams: { live: service.port },
      routes: [{ path: '/api/live/*', upstream: 'live', websocket: {} }],
      env: { ALLOWED_ORIGINS: 'https://app.example.com' },
    });
    const lines = [`Authorization: ${bearer().authorization}`, ...(origin === undefined ? [] : [`Origin: ${origin}`])];
    const bytes = handshake(lines, { target: '/api/live/x' });
    if (isAllowed) {
      const { text } = await sendRaw(gateway.port, bytes, { until: (sofar) => sofar.includes('\r\n\r\n') });
      expect(text).toMatch(/^HTTP\/1\.1 101 /);
    } else {
      expectProblem((await ask(bytes))[0], { status: 403, reason: 'invalid_request' });
    }
    expect(service.handshakes).toHaveLength(isAllowed ? 1 : 0);
  });
});

describe('a token', () => {
  it('is needed where the route needs one, a valid one, with the role that it asks for', async () => {
    service = await startWebSocketService();
    gateway = await startGateway({
      upstreams: { live: service.port },
      routes: [{ path: '/api/live/*', upstream: 'live', roles: ['admin'], websocket: {} }],
    });
    const attempt = async (...lines: string[]) => (await ask(handshake(lines, { target: '/api/live/x' })))[0];
    const expired = tokenFor({ exp: Math.floor(Date.now() / 1000) - 60 });
    const missing = await attempt();
    expectProblem(missing, { status: 401, reason: 'auth_missing' });
    expect(missing?.headers).toMatchObject({
      connection: 'close',
      'www-authenticate': expect.stringContaining('Bearer'),
    });
    expectProblem(await attempt(`Authorization: Bearer ${expired}`), { status: 401, reason: 'token_expired' });
    expectProblem(await attempt(`Authorization: Bearer ${tokenFor()}`), { status: 403, reason: 'scope_missing' });
    expectProblem(await attempt(`Sec-WebSocket-Protocol: bearer, ${tokenFor()}`), {
      status: 403,
      reason: 'scope_missing',
    });
    expect(service.handshakes).toEqual([]);
    const admin = tokenFor({ roles: ['admin'] });
    await openSocket(`${gateway.url}/api/live/x`, { headers: bearer(admin) });
    expect(service.handshakes).toHaveLength(1);
    const lines = await gateway.lines('access');
    expect(lines.map(({ reason }) => reason)).toEqual([
      'auth_missing',
      'token_expired',
      'scope_missing',
      'scope_missing',
    ]);
  });
});
