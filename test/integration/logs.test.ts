import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { bearer, tokenFor } from '../support/gateway.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { leavingClient } from '../support/leaving-client.ts';
import { parseAnswers, untilAnswers } from '../support/raw-answers.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { deadUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

type Line = Record<string, unknown>;

let front: GatewayWithBackend;

beforeAll(async () => {
  front = await startGatewayWithBackend({
    // What the path ends in decides: a status, so many bytes, or never.
    answer: (req, res) => {
      req.resume();
      const path = req.url ?? '';
      if (path.endsWith('never')) return;
      if (path.endsWith('half')) return void res.write('half');
      res.statusCode = Number(/status-(\d+)$/.exec(path)?.[1] ?? 200);
      const answer = () => res.end('x'.repeat(Number(/bytes-(\d+)$/.exec(path)?.[1] ?? 2)));
      setTimeout(answer, path.includes('slow') ? 100 : 0);
    },
  });
});
afterAll(() => front.stop());

let seen = 0;

/** The access lines that come of something, once there are as many as expected. */
async function linesOf(work: () => Promise<unknown>, count = 1): Promise<Line[]> {
  await work();
  const lines = await until(`${count} lines`, async () => {
    const all = await front.gateway.lines('access');
    return all.length >= seen + count && all.slice(seen);
  });
  seen += lines.length;
  return lines;
}
const raw = (bytes: string, answers = 1) =>
  sendRaw(front.gateway.port, bytes, { until: untilAnswers(answers), silenceMs: 5000 });
const token = `Authorization: ${bearer().authorization}`;

describe('the line of a request', () => {
  it('holds what is known of it', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = {
      ...bearer(tokenFor({ sub: 'ada', tenantId: 'acme' })),
      'x-request-id': 'id-from-the-proxy',
      'x-forwarded-for': '203.0.113.7',
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    };
    const lines = await linesOf(() => call(`${front.gateway.url}/api/crm/x?a=b&token=S`, { headers }));
    expect(lines).toEqual([
      {
        message: 'request',
        level: 'info',
        service: 'psa-api-gateway',
        worker: '0',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        requestId: 'id-from-the-proxy',
        traceId,
        client: '203.0.113.7',
        method: 'GET',
        path: '/api/crm/x?a=b&token=***',
        route: '/api/crm/*',
        status: 200,
        user: 'ada',
        tenant: 'acme',
        upstream: 'crm',
        instance: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        upstreamStatus: 200,
        upstreamMs: expect.any(Number),
        bytes: expect.any(Number),
        durationMs: expect.any(Number),
      },
    ]);
  });

  it('counts the bytes of its answer and of no other, also on a connection that carries many', async () => {
    // The others are ready before the first, and follow it at once.
    const targets = ['slow-bytes-10', 'bytes-20000', 'bytes-30', 'bytes-40'].map((path) => `/open/crm/${path}`);
    const send = async () => {
      const { text } = await raw(targets.map((target) => rawRequest({ target })).join(''), targets.length);
      return text;
    };
    let text = '';
    const lines = await linesOf(async () => {
      text = await send();
    }, targets.length);
    expect(lines.map(({ path }) => path)).toEqual(targets);
    expect(parseAnswers(text)).toHaveLength(targets.length);
    const starts = [...text.matchAll(/HTTP\/1\.1 200/g)].map(({ index }) => index);
    const lengths = starts.map((start, index) => (starts[index + 1] ?? text.length) - start);
    expect(lines.map(({ bytes }) => bytes)).toEqual(lengths);
  });
});

describe('there is one line, and only one, for', () => {
  const refusedBody = `${rawRequest({ method: 'POST', lines: ['Transfer-Encoding: chunked'] })}zz\r\n`;
  const continued = rawRequest({ method: 'POST', lines: ['Transfer-Encoding: chunked', 'Expect: 100-continue'] });
  it.each<[string, string, Line]>([
    ['a HEAD request', rawRequest({ method: 'HEAD' }), { status: 200, method: 'HEAD' }],
    ['a 304', rawRequest({ target: '/open/crm/status-304' }), { status: 304, upstreamStatus: 304 }],
    ['an error of the service', rawRequest({ target: '/open/crm/status-500' }), { status: 500, upstreamStatus: 500 }],
    ['no token', rawRequest({ target: '/api/crm/x' }), { status: 401, reason: 'auth_missing' }],
    ['no route', rawRequest({ target: '/none' }), { status: 404, reason: 'route_not_found' }],
    ['a method', rawRequest({ method: 'PURGE' }), { status: 405, reason: 'method_not_allowed' }],
    ['an unsafe path', rawRequest({ target: '/open/crm/%2e%2e/x' }), { status: 400, path: '/open/crm/%2e%2e/x' }],
    ['a target of a proxy', rawRequest({ target: 'http://gateway.test/open/crm/x' }), { status: 200 }],
    ['a target that is none', rawRequest({ target: 'http://user:pw@[bad/' }), { status: 400 }],
    ['OPTIONS *', rawRequest({ method: 'OPTIONS', target: '*' }), { status: 204 }],
    ['health', rawRequest({ target: '/health' }), { status: 200, path: '/health' }],
    ['CONNECT', rawRequest({ method: 'CONNECT', target: 'a:443' }), { status: 405 }],
    ['bytes that are no request', 'GARBAGE\r\n\r\n', { status: 400, reason: 'invalid_request' }],
    ['too long a head', rawRequest({ lines: [`X: ${'x'.repeat(20_000)}`] }), { status: 431 }],
    ['a body that is no HTTP', refusedBody, { status: 400, code: 'HPE_INVALID_CHUNK_SIZE' }],
    ['a body that the client was asked for', `${continued}2\r\nab\r\n0\r\n\r\n`, { status: 200 }],
    ['such a body that is no HTTP', `${continued}zz\r\n`, { status: 400, code: 'HPE_INVALID_CHUNK_SIZE' }],
    ['a request to upgrade', rawRequest({ lines: ['Connection: Upgrade', 'Upgrade: websocket'] }), { status: 200 }],
  ])('%s', async (_name, bytes, line) => {
    const lines = await linesOf(() => raw(bytes));
    expect(lines).toEqual([expect.objectContaining(line)]);
  });

  it('each request of a kept connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const lines = await linesOf(async () => {
      for (let count = 0; count < 5; count++) await call(`${front.gateway.url}/open/crm/x`, { agent });
    }, 5);
    agent.destroy();
    expect(lines.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(lines.map(({ bytes }) => bytes)).size).toBe(1);
  });

  it('each request that is sent before the last is answered, and the words behind them', async () => {
    const bytes = `${rawRequest()}${rawRequest({ target: '/none' })}${rawRequest({ target: '/api/crm/x' })}GARBAGE\r\n\r\n`;
    const lines = await linesOf(() => raw(bytes, 4), 4);
    expect(lines.map(({ status }) => status)).toEqual([200, 404, 401, 400]);
  });

  it.each([
    ['before there is an answer', '/api/crm/never', { bytes: 0, upstream: 'crm' }],
    ['in the middle of one', '/api/crm/half', { upstreamStatus: 200 }],
  ])('a client that leaves %s', async (_name, target, line) => {
    const bytes = rawRequest({ target, lines: [token] });
    const asked = front.backend.rawBytes().join('').split(target.slice(8)).length;
    const lines = await linesOf(() =>
      leavingClient({
        port: front.gateway.port,
        bytes,
        waitFor: (received) =>
          target.endsWith('half')
            ? received.includes('half')
            : front.backend.rawBytes().join('').split(target.slice(8)).length > asked,
      }),
    );
    expect(lines).toEqual([expect.objectContaining({ status: 499, reason: 'client_closed', user: 'user-1', ...line })]);
  });

  it('each of the requests of a client that leaves before the first is answered', async () => {
    const bytes = rawRequest({ target: '/open/crm/never' }) + rawRequest({ target: '/open/crm/bytes-40' });
    const lines = await linesOf(
      () =>
        leavingClient({
          port: front.gateway.port,
          bytes,
          waitFor: () => front.backend.rawBytes().join('').includes('/bytes-40'),
        }),
      2,
    );
    const found = Object.fromEntries(lines.map(({ path, status, bytes: sent }) => [path, [status, sent]]));
    expect(found).toEqual({ '/open/crm/bytes-40': [499, 0], '/open/crm/never': [499, 0] });
  });

  it('nothing else, as the lines behind all of these would show', async () => {
    expect(await linesOf(() => raw(rawRequest({ target: '/open/crm/last' })))).toHaveLength(1);
  });

  it('a request whose service is away', async () => {
    const lonely = await startGatewayWithBackend({ upstreams: { crm: await deadUpstream() } });
    await call(`${lonely.gateway.url}/open/crm/x`);
    const lines = await lonely.gateway.lines('access');
    await lonely.stop();
    expect(lines).toEqual([
      expect.objectContaining({ status: 502, reason: 'upstream_connect_failed', upstream: 'crm' }),
    ]);
  });
});
