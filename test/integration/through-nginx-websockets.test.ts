import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { identitySpellings } from '../support/identity-spellings.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { type RawAnswer, sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { until } from '../support/until.ts';
import { handshakeLines, openSocket, tryToOpen } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

const PATH = '/api/v1/tickets/live';
const forged = 'forged-identity';

let service: WebSocketService;
let gateway: TestGateway;
let nginx: TestNginx;

beforeAll(async () => {
  service = await startWebSocketService();
  const route = { path: PATH, upstream: 'live', stripPrefix: '/api/v1/tickets', websocket: { pingIntervalMs: 400 } };
  const headers = { 'X-User-Id': 'sub', 'X-User-Roles': 'roles', 'X-Tenant-Id': 'tenantId', 'Remote-User': 'sub' };
  gateway = await startGateway({ upstreams: { live: service.port }, routes: [route], identity: { headers } });
  // The inequality of the shipped settings, in a seventy-fifth of the time.
  const edits = [['snippets/psa-proxy.conf', 'proxy_read_timeout 75s;', 'proxy_read_timeout 1s;']] as const;
  nginx = await startNginx({ gatewayPort: gateway.port, edits });
});
afterAll(async () => {
  await nginx.stop();
  await gateway.stop();
  await service.stop();
});

const ends = () => ({
  direct: { url: gateway.url + PATH, port: gateway.port, tls: {} },
  nginx: { url: nginx.httpsUrl + PATH, port: nginx.httpsPort, tls: { ca: nginx.ca } },
});

describe('a WebSocket through nginx', () => {
  it('carries messages over TLS, with the token in either place', async () => {
    const { url, tls } = ends().nginx;
    for (const options of [{ headers: bearer() }, { protocols: ['bearer', tokenFor()] }]) {
      const socket = await openSocket(url, { ...options, ...tls });
      socket.ws.send('over TLS');
      await until('the echo', () => socket.messages.length === 1);
      const { headers } = service.handshakes.at(-1) ?? {};
      expect(headers).toMatchObject({ 'x-user-id': 'user-1', 'x-forwarded-proto': 'https' });
      expect(headers?.['sec-websocket-protocol']).toBeUndefined();
      socket.ws.close(4000);
      expect(await socket.closed).toBe(4000);
    }
  });

  it('outlives the patience of nginx, because silent clients are sent pings', async () => {
    const { url, tls } = ends().nginx;
    const { ws } = await openSocket(url, { headers: bearer(), ...tls });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(ws.readyState).toBe(ws.OPEN);
    ws.terminate();
  });

  it('is refused in the words of the gateway', async () => {
    const refusal = (await tryToOpen(ends().nginx.url, ends().nginx.tls)) as RawAnswer;
    expectProblem(refusal, { status: 401, reason: 'auth_missing' });
  });
});

describe.each(['direct', 'nginx'] as const)('a handshake with a forged identity (%s)', (way) => {
  it.each(identitySpellings)('reaches the service with the true one: %s', async (name) => {
    const { port, tls } = ends()[way];
    const before = service.handshakes.length;
    for (const lines of [[`${name}: ${forged}`], [`Connection: Upgrade, ${name}`, `${name}: ${forged}`]]) {
      const others = handshakeLines.filter((line) => lines.length === 1 || !line.startsWith('Connection:'));
      const bytes = rawRequest({
        target: PATH,
        host: 'localhost',
        lines: [...others, ...lines, `Authorization: ${bearer().authorization}`],
      });
      const { text } = await sendRaw(port, bytes, { until: (sofar) => sofar.includes('\r\n\r\n'), ...tls });
      expect(text).toMatch(/^HTTP\/1\.1 101 /);
    }
    const handshakes = service.handshakes.slice(before);
    expect(handshakes).toHaveLength(2);
    for (const { headers, rawHeaders } of handshakes) {
      expect(headers).toMatchObject({ 'x-user-id': 'user-1', 'x-user-roles': 'agent', 'x-tenant-id': 'tenant-1' });
      expect(rawHeaders.join('\n')).not.toContain(forged);
    }
  });
});

describe('a worker that stops', () => {
  it('closes with 1001 what came through nginx', async () => {
    const { url, tls } = ends().nginx;
    const sockets = await Promise.all([1, 2, 3].map(() => openSocket(url, { headers: bearer(), ...tls })));
    await gateway.worker.stop('the test asks for it');
    expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual([1001, 1001, 1001]);
  });
});
