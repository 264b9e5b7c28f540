import { afterEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { until } from '../support/until.ts';
import { openSocket, tryToOpen } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

let service: WebSocketService;
let gateway: TestGateway;

async function start(websockets: Record<string, number>, env: Record<string, string> = {}): Promise<void> {
  service = await startWebSocketService();
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [
      { path: '/api/*', upstream: 'live', websocket: {} },
      { path: '/open/*', upstream: 'live', auth: 'none', websocket: {} },
    ],
    websockets,
    env,
  });
}

afterEach(async () => {
  await gateway.stop();
  await service.stop();
});

const of = (sub: string) => ({ headers: bearer(tokenFor({ sub })) });
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
const open = (path: string, options = {}) => openSocket(gateway.url + path, options);
const refused = async (path: string, options = {}) => (await tryToOpen(gateway.url + path, options)) as RawAnswer;

describe('the WebSockets of one user', () => {
  it('are limited on all routes together, and a closed one makes room', async () => {
    await start({ maxPerUser: 2 });
    const first = await open('/api/a', of('ann'));
    await open('/open/b', of('ann'));
    const refusal = await refused('/api/a', of('ann'));
    expectProblem(refusal, { status: 429, reason: 'rate_limited_user' });
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    await open('/api/a', of('bob'));
    expect(service.handshakes).toHaveLength(3);
    first.ws.close();
    await first.closed;
    await until('a place', async () => 'ws' in (await tryToOpen(`${gateway.url}/api/a`, of('ann'))));
  });

  it('are not used up by handshakes that fail', async () => {
    await start({ maxPerUser: 1 });
    await service.stop();
    for (let n = 0; n < 3; n++) expect((await refused('/api/a', of('ann'))).status).toBe(502);
  });
});

describe('the WebSockets without a token', () => {
  it('are limited by address, networks counting as one', async () => {
    await start({ maxPerAddress: 2 });
    for (const address of ['192.0.2.1', '192.0.2.1', '2001:db8:0:1::1', '2001:db8:0:2::2'])
      await open('/open/x', from(address));
    for (const address of ['192.0.2.1', '2001:db8::3']) {
      expectProblem(await refused('/open/x', from(address)), { status: 429, reason: 'rate_limited_ip' });
    }
    await open('/open/x', { headers: { ...from('192.0.2.1').headers, ...bearer() } });
  });
});

describe('the WebSockets of a worker', () => {
  it('are limited all together', async () => {
    await start({ maxPerWorker: 2 });
    await open('/api/x', of('ann'));
    await open('/open/x');
    const refusal = await refused('/api/x', of('bob'));
    expectProblem(refusal, { status: 503, reason: 'overloaded' });
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('count as one request each against the limit of requests', async () => {
    await start({}, { USER_RATE_LIMIT_MAX: '2' });
    const { ws } = await open('/api/x', of('ann'));
    for (let n = 0; n < 10; n++) ws.send('x');
    await open('/api/x', of('ann'));
    expectProblem(await refused('/api/x', of('ann')), { status: 429, reason: 'rate_limited_user' });
  });
});
