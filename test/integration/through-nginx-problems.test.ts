import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { catalog, type Reason } from '../../src/problem/catalog.ts';
import { call, reasonOf } from '../support/call.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { parseAnswer, type RawAnswer, sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import {
  answering,
  deadUpstream,
  type RawUpstream,
  rawUpstream,
  type Script,
  silent,
} from '../support/raw-upstream.ts';
import { unacceptingUpstream } from '../support/unaccepting-upstream.ts';
import { until } from '../support/until.ts';

/** Asserts a problem in nginx's own words, which have to be the catalogue's. */
function expectOwnProblem(answer: RawAnswer, reason: Reason): Record<string, unknown> {
  const { status, title } = catalog[reason];
  const problem = expectProblem(answer, { status, reason });
  expect(problem).toMatchObject({ title, detail: expect.stringMatching(/^[A-Z].*\.$/), instance: '/' });
  expect(answer.headers['retry-after']).toBe(problem.retryAfter === undefined ? undefined : String(problem.retryAfter));
  expect(answer.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'strict-transport-security': expect.any(String),
  });
  expect(`${answer.body}${JSON.stringify(answer.headers)}`).not.toMatch(/html/i);
  return problem;
}

const ask = async ({ httpsPort, ca }: TestNginx, bytes: string): Promise<RawAnswer> =>
  parseAnswer((await sendRaw(httpsPort, bytes, { until: (text) => text.endsWith('}'), silenceMs: 5000, ca })).text);

describe('what nginx refuses', () => {
  let nginx: TestNginx;
  let gateway: RawUpstream;

  beforeAll(async () => {
    gateway = await rawUpstream(answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'));
    nginx = await startNginx({ gatewayPort: gateway.port });
  });
  afterAll(async () => {
    await nginx.stop();
    await gateway.stop();
  });

  it.each([
    ['words', 'GARBAGE\r\n\r\n', 'invalid_request'],
    ['no Host', rawRequest({ host: null }), 'invalid_request'],
    ['two Hosts', rawRequest({ lines: ['Host: b.test'] }), 'invalid_request'],
    ['a Host that is none', rawRequest({ host: 'a b' }), 'invalid_request'],
    ['a path above the root', rawRequest({ target: '/../x.html' }), 'invalid_request'],
    ['NUL in the path', rawRequest({ target: '/a%00b' }), 'invalid_request'],
    ['another version', rawRequest({ version: 'HTTP/3.0' }), 'invalid_request'],
    ['CONNECT', rawRequest({ method: 'CONNECT', target: 'a.test:80' }), 'invalid_request'],
    [
      'two lengths',
      rawRequest({ method: 'POST', lines: ['Content-Length: 1', 'Content-Length: 2'] }),
      'invalid_request',
    ],
    ['an unknown coding', rawRequest({ method: 'POST', lines: ['Transfer-Encoding: gzip'] }), 'invalid_request'],
    ['TRACE', rawRequest({ method: 'TRACE', target: '/x.html' }), 'method_not_allowed'],
    ['an endless line', rawRequest({ target: `/${'a'.repeat(33_000)}` }), 'header_too_large'],
    ['an endless header', rawRequest({ lines: [`X: ${'a'.repeat(33_000)}`] }), 'header_too_large'],
    [
      'a body that is declared too long',
      rawRequest({ method: 'POST', lines: ['Content-Length: 10485761'] }),
      'body_too_large',
    ],
    ['its own page of problems', rawRequest({ target: '/psa-problem' }), 'route_not_found'],
  ] as const)('is a problem of the catalogue: %s', async (_name, bytes, reason) => {
    const answer = await ask(nginx, bytes);
    expectOwnProblem(answer, reason);
    if (reason === 'method_not_allowed') expect(answer.headers.allow).toContain('GET');
    expect(gateway.requestCount()).toBe(0);
  });

  it('includes HTTP/0.9, which has no headers to answer with', async () => {
    const { text } = await sendRaw(nginx.httpsPort, 'GET /open/crm/x\r\n\r\n', { ca: nginx.ca });
    expect(JSON.parse(text)).toMatchObject({ status: 400, reason: 'invalid_request' });
    expect(gateway.requestCount()).toBe(0);
  });

  it('repeats nothing that the client has sent', async () => {
    const evil = '"evil\\';
    const { body } = await ask(
      nginx,
      rawRequest({ method: 'TRACE', target: `/${evil}?${evil}`, lines: [`X: ${evil}`] }),
    );
    expect(body).not.toContain('evil');
    JSON.parse(body);
  });

  it('stands in the access log with method and reason', async () => {
    await ask(nginx, rawRequest({ method: 'POST', target: '/log', lines: ['Content-Length: 99999999'] }));
    const line = await until('its line', async () => (await nginx.accessLines()).find(({ path }) => path === '/log'));
    expect(line).toMatchObject({ method: 'POST', status: 413, reason: 'body_too_large' });
  });
});

describe('a gateway that does not answer', () => {
  let nginx: TestNginx | undefined;
  let gateway: { stop(): Promise<void> } | undefined;

  afterEach(async () => {
    await nginx?.stop();
    await gateway?.stop();
    gateway = undefined;
  });

  it('because no worker is up is a 502 that says when to come back', async () => {
    nginx = await startNginx({ gatewayPort: await deadUpstream() });
    const problem = expectOwnProblem(await ask(nginx, rawRequest()), 'upstream_connect_failed');
    expect(problem.retryAfter).toBe(5);
    expect((await nginx.accessLines())[0]).toMatchObject({ status: 502, reason: 'upstream_connect_failed' });
  });

  it('because it takes no connection is a 504 soon', async () => {
    const full = await unacceptingUpstream();
    gateway = full;
    nginx = await startNginx({ gatewayPort: full.port });
    expectOwnProblem(await ask(nginx, rawRequest()), 'upstream_connect_timeout');
  });

  it('in time is a 504', async () => {
    const upstream = await rawUpstream(silent);
    gateway = upstream;
    const edits = [['snippets/psa-proxy.conf', 'proxy_read_timeout 75s;', 'proxy_read_timeout 500ms;']] as const;
    nginx = await startNginx({ gatewayPort: upstream.port, edits });
    expectOwnProblem(await ask(nginx, rawRequest()), 'upstream_response_timeout');
    expect(upstream.requestCount()).toBe(1);
  });

  it.each(['GET', 'POST'])('because it dies is a 502, and %s is sent once', async (method) => {
    const upstream = await rawUpstream((socket) => socket.resetAndDestroy());
    gateway = upstream;
    nginx = await startNginx({ gatewayPort: upstream.port });
    expectOwnProblem(await ask(nginx, rawRequest({ method })), 'upstream_reset');
    expect(upstream.requestCount()).toBe(1);
  });
});

describe('an error that the gateway answers', () => {
  it.each([400, 401, 403, 404, 405, 413, 414, 429, 431, 500, 501, 502, 503, 504])(
    'passes untouched: %i',
    async (status) => {
      const body = '{"error":"of the gateway"}';
      const script: Script = answering(
        `HTTP/1.1 ${status} X\r\nRetry-After: 7\r\nX-Gateway-Reason: own\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const gateway = await rawUpstream(script);
      const nginx = await startNginx({ gatewayPort: gateway.port });
      const answer = await call(`${nginx.httpsUrl}/x`, { ca: nginx.ca });
      expect({ status: answer.status, body: answer.body.toString() }).toEqual({ status, body });
      expect(answer.headers).toMatchObject({ 'retry-after': '7', 'x-gateway-reason': 'own' });
      await nginx.stop();
      await gateway.stop();
    },
  );
});

describe('a refusal of the gateway', () => {
  it.each([false, true])(
    'reaches a client that is still sending its body (through nginx: %p)',
    async (isBehindNginx) => {
      const front = await startGatewayWithBackend({ isBehindNginx });
      const url = front.nginx?.httpsUrl ?? front.gateway.url;
      const options = front.nginx === undefined ? {} : { ca: front.nginx.ca };
      for (let n = 0; n < 10; n++) {
        const body = Buffer.alloc(8 * 1024 * 1024);
        const answer = await call(`${url}/api/crm/x`, { method: 'POST', body, ...options });
        expect([answer.status, reasonOf(answer)]).toEqual([401, 'auth_missing']);
      }
      await front.stop();
    },
  );
});
