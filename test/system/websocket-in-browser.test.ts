import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { openPage, startChromium } from '../support/chromium.ts';
import { startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { until } from '../support/until.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

let site: Server;
let service: WebSocketService;
let gateway: TestGateway;
let nginx: TestNginx;
let browser: Browser;

/** The page is of this host, or of another name of the same machine, which is another origin. */
const pageOf = (host: string) => `http://${host}:${(site.address() as AddressInfo).port}/`;
const url = () => `${nginx.httpsUrl.replace(/^http/, 'ws')}/api/v1/tickets/live`;

beforeAll(async () => {
  site = createServer((_req, res) => {
    res.setHeader('content-type', 'text/html');
    res.end('<!doctype html><link rel="icon" href="data:,"><title>A page</title>');
  });
  await once(site.listen(0), 'listening');
  service = await startWebSocketService({
    choose: (offered) => (offered.has('tickets.v1') ? 'tickets.v1' : false),
    perMessageDeflate: true,
  });
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [{ path: '/api/v1/tickets/live', upstream: 'live', websocket: { pingIntervalMs: 400 } }],
    env: { ALLOWED_ORIGINS: pageOf('localhost').replace(/\/$/, '') },
  });
  nginx = await startNginx({ gatewayPort: gateway.port });
  browser = await startChromium();
}, 60_000);

afterAll(async () => {
  await browser.close();
  await nginx.stop();
  await gateway.stop();
  await service.stop();
  site.close();
  site.closeAllConnections();
});

/** What a page can tell of a WebSocket: what it got, and how it ended. */
function tryInPage({ url: target, protocols, message }: { url: string; protocols: string[]; message: string }) {
  return new Promise<{ protocol: string; echo: string; code: number; wasClean: boolean }>((resolve) => {
    const seen = { protocol: '', echo: '' };
    const socket = new WebSocket(target, protocols);
    socket.onopen = () => {
      seen.protocol = socket.protocol;
      socket.send(message);
    };
    socket.onmessage = ({ data }) => {
      seen.echo = String(data);
      // Longer than the gateway waits for the answer to a ping.
      setTimeout(() => socket.close(4000), 1000);
    };
    socket.onclose = ({ code, wasClean }) => resolve({ ...seen, code, wasClean });
  });
}

async function tryFrom(host: string, protocols: string[]) {
  const { page, close } = await openPage(browser, pageOf(host));
  const result = await page.evaluate(tryInPage, { url: url(), protocols, message: 'grüße '.repeat(1000) });
  await close();
  return { ...result, echo: result.echo.length };
}

/** A WebSocket of a page that is open, and how it will have ended. */
async function opened(token: string) {
  const { page, close } = await openPage(browser, pageOf('localhost'));
  const ended = page.evaluate(
    ({ target, protocols }) =>
      new Promise((resolve) => {
        const socket = new WebSocket(target, protocols);
        socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
      }),
    { target: url(), protocols: ['bearer', token] },
  );
  await until('the WebSocket at the service', () => service.sockets.size === 1);
  return { ended: ended.finally(close) };
}

describe('a page in Chromium', () => {
  it('opens a WebSocket through nginx with its token among the subprotocols, and closes it', async () => {
    const result = await tryFrom('localhost', ['bearer', tokenFor()]);
    expect(result).toEqual({ protocol: 'bearer', echo: 6000, code: 4000, wasClean: true });
    expect(service.handshakes.at(-1)?.headers).toMatchObject({ 'x-user-id': 'user-1', 'x-forwarded-proto': 'https' });
  });

  it('gets the subprotocol that the service picks of the others', async () => {
    const result = await tryFrom('localhost', ['bearer', tokenFor(), 'tickets.v2', 'tickets.v1']);
    expect(result).toMatchObject({ protocol: 'tickets.v1', echo: 6000, wasClean: true });
  });

  it.each([
    ['of another origin', '127.0.0.1', ['bearer', tokenFor()]],
    ['without a token', 'localhost', []],
    ['with a wrong token', 'localhost', ['bearer', 'a.b.c']],
  ])('is refused: %s', async (_what, host, protocols) => {
    const before = service.handshakes.length;
    expect(await tryFrom(host, protocols)).toEqual({ protocol: '', echo: 0, code: 1006, wasClean: false });
    expect(service.handshakes).toHaveLength(before);
  });

  it('is told 1008 and why when its token expires, and 1001 when the worker stops', async () => {
    // The leeway is five seconds; enough of it is left for a slow machine to open the WebSocket.
    const exp = Math.floor(Date.now() / 1000);
    expect(await (await opened(tokenFor({ exp }))).ended).toEqual({
      code: 1008,
      reason: 'token_expired',
      wasClean: true,
    });
    const { ended } = await opened(tokenFor());
    await gateway.worker.stop('the test asks for it');
    expect(await ended).toEqual({ code: 1001, reason: '', wasClean: true });
  });
});
