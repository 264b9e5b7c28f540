import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { parseAnswers, untilAnswers } from '../support/raw-answers.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { answering, deadUpstream, type RawUpstream, rawUpstream, silent } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';
import { acceptLine, handshakeLines, openSocket } from '../support/websocket-client.ts';
import { startUpgrader, startWebSocketService } from '../support/websocket-service.ts';

let gateway: TestGateway;
const services: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await gateway.stop();
  for (const service of services.splice(0)) await service.stop();
});

async function startBefore(port: number, upstream: Record<string, unknown> = {}): Promise<void> {
  gateway = await startGateway({
    upstreams: { live: { url: `http://127.0.0.1:${port}`, ...upstream } },
    routes: [{ path: '/open/*', upstream: 'live', stripPrefix: '/open', auth: 'none', websocket: {} }],
  });
}

async function startWith(script: Parameters<typeof rawUpstream>[0], upstream = {}): Promise<RawUpstream> {
  const service = await rawUpstream(script);
  services.push(service);
  await startBefore(service.port, upstream);
  return service;
}

const handshake = rawRequest({ lines: handshakeLines });

async function ask() {
  const { text } = await sendRaw(gateway.port, handshake, { until: untilAnswers(1), silenceMs: 3000 });
  return { text, answer: parseAnswers(text)[0] };
}

const switching = (...lines: string[]) => `HTTP/1.1 101 x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const [upgrade, connection] = ['Upgrade: websocket', 'Connection: Upgrade'];

describe('the answer of a service to a handshake', () => {
  it.each([
    ['401 Unauthorized', '{"no":"entry"}'],
    ['404 Not Found', 'nobody'],
    ['426 Upgrade Required', ''],
    ['200 OK', 'an ordinary page'],
  ])('passes as it is if it is no 101: %s', async (status, body) => {
    await startWith(answering(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nX-Own: yes\r\n\r\n${body}`));
    const { answer } = await ask();
    expect(answer).toMatchObject({ status: Number(status.slice(0, 3)), body });
    expect(answer?.headers).toMatchObject({ 'x-own': 'yes', connection: 'close' });
    expect(answer?.headers['x-gateway-reason']).toBeUndefined();
  });

  it.each([
    ['without a proof that it was read', switching(upgrade, connection)],
    [
      'with the proof of another key',
      switching(upgrade, connection, 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='),
    ],
    ['for another protocol', switching('Upgrade: h2c', connection, acceptLine)],
    ['without an Upgrade header', switching(connection, acceptLine)],
    ['without a Connection header', switching(upgrade, acceptLine)],
    [
      'with a subprotocol that was not offered',
      switching(upgrade, connection, acceptLine, 'Sec-WebSocket-Protocol: x'),
    ],
    [
      'with an extension that was not offered',
      switching(upgrade, connection, acceptLine, 'Sec-WebSocket-Extensions: x'),
    ],
    ['that is no valid HTTP', switching(upgrade, connection, acceptLine, 'X-Bad: \x01')],
  ])('is a 502 at once if it is a 101 %s', async (_what, bytes) => {
    const service = await startWith(answering(bytes), { headTimeoutMs: 2000 });
    const { answer, text } = await ask();
    expectProblem(answer, { status: 502, reason: 'upstream_protocol_error' });
    expect(text).not.toMatch(/^(?:upgrade|sec-websocket-.*|x-bad):/im);
    await until('the connection to be cut', () => service.connectionCount() === 0);
  });

  it('may come together with the first frames', async () => {
    const message = Buffer.concat([Buffer.from([0x81, 5]), Buffer.from('early')]).toString('latin1');
    const lines = [upgrade, connection, acceptLine, 'Content-Length: 7', 'X-Name: Zo\xeb'];
    await startWith(answering(switching(...lines) + message));
    const { text } = await sendRaw(gateway.port, handshake, { until: (sofar) => sofar.endsWith('early') });
    const [head, frames] = text.split('\r\n\r\n');
    expect(frames).toBe(message);
    expect(head).toMatch(/^connection: upgrade\r$/im);
    expect(head).toMatch(/^upgrade: websocket\r$/im);
    expect(head).toMatch(/^x-name: Zo\xeb\r?$/im);
    expect(head).not.toMatch(/^content-length|^transfer-encoding/im);
  });

  it('is waited for as long as the head of any answer', async () => {
    const service = await startWith(silent, { headTimeoutMs: 200 });
    expectProblem((await ask()).answer, { status: 504, reason: 'upstream_response_timeout' });
    await until('the connection to be cut', () => service.connectionCount() === 0);
  });

  it('does not come from a service that is not there', async () => {
    await startBefore(await deadUpstream());
    expectProblem((await ask()).answer, { status: 502, reason: 'upstream_connect_failed' });
  });

  it('may be slow to end: no deadline of a request is one of a WebSocket', async () => {
    const service = await startWebSocketService();
    services.push(service);
    await startBefore(service.port, { headTimeoutMs: 100, idleTimeoutMs: 100, totalTimeoutMs: 200 });
    const { ws } = await openSocket(`${gateway.url}/open/x`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(ws.readyState).toBe(ws.OPEN);
    ws.terminate();
  });
});

describe('a client that leaves', () => {
  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'before its handshake is answered frees the service at once (%s)',
    async (how) => {
      const service = await startWith(silent);
      const client = createConnection({ port: gateway.port, host: '127.0.0.1' });
      client.write(handshake);
      await until('the handshake at the service', () => service.requestCount() === 1);
      client[how]();
      await until('the connection to be cut', () => service.connectionCount() === 0, { withinMs: 5000 });
      const line = await until('its line', async () => (await gateway.lines('access'))[0]);
      expect(line).toMatchObject({ status: 499, reason: 'client_closed' });
      client.destroy();
    },
  );

  it('says something before its handshake is answered, and is cut off', async () => {
    const service = await startWith(silent);
    const client = createConnection({ port: gateway.port, host: '127.0.0.1' });
    client.on('error', () => undefined).write(handshake);
    await until('the handshake at the service', () => service.requestCount() === 1);
    client.write('\x81\x80\x00\x00\x00\x00');
    await once(client, 'close');
    await until('the connection to be cut', () => service.connectionCount() === 0);
  });
});

describe('the breaker', () => {
  it('opens by failed handshakes, and refuses the next ones', async () => {
    const service = await startWith(answering('HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n'), {
      breaker: { minimumCalls: 3 },
    });
    for (let n = 0; n < 3; n++) expect((await ask()).answer?.status).toBe(500);
    const { answer } = await ask();
    expectProblem(answer, { status: 503, reason: 'breaker_open' });
    expect(Number(answer?.headers['retry-after'])).toBeGreaterThan(0);
    expect(service.requestCount()).toBe(3);
  });

  it('stays closed by clients that leave, and takes a 101 for a success', async () => {
    const service = await startUpgrader((socket) => socket.write(switching(upgrade, connection, acceptLine)));
    services.push(service);
    await startBefore(service.port, { breaker: { minimumCalls: 3 } });
    for (let n = 0; n < 10; n++) {
      const { text } = await sendRaw(gateway.port, handshake, { until: (sofar) => sofar.includes('\r\n\r\n') });
      expect(text).toMatch(/^HTTP\/1\.1 101 /);
    }
    const health = (await (await fetch(`${gateway.url}/health/detailed`)).json()) as {
      circuitBreakers: Record<string, object>;
    };
    expect(health.circuitBreakers.live).toMatchObject({ state: 'CLOSED', failures: 0, successes: 10 });
  });
});

describe('a connection that the service has just closed', () => {
  it('costs no handshake', async () => {
    const used = new WeakSet<object>();
    const service = await startWith((socket, head) => {
      if (used.has(socket)) return void socket.resetAndDestroy();
      used.add(socket);
      if (head.includes('websocket')) return void socket.write(switching(upgrade, connection, acceptLine));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    expect((await fetch(`${gateway.url}/open/x`)).status).toBe(200);
    const { text } = await sendRaw(gateway.port, handshake, { until: (sofar) => sofar.includes('\r\n\r\n') });
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
    expect(service.requestCount()).toBe(3);
  });
});
