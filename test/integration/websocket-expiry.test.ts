import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { issuerKey } from '../support/issuer-keys.ts';
import { json, startKeyServer } from '../support/key-server.ts';
import { operatorOf } from '../support/operator.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { openSocket, type TestSocket, tryToOpen } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

/** What a token is taken beyond its `exp`, as clocks differ. */
const LEEWAY_SECONDS = 5;

let redis: TestRedis;
let service: WebSocketService;
let gateway: TestGateway;

async function startWith(identity: Record<string, unknown> = {}): Promise<void> {
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [{ path: '/api/*', upstream: 'live', websocket: {} }],
    redisPort: redis.port,
    identity,
    env: { OTHER_SECRET: 'test-only' },
  });
}

beforeEach(async () => {
  redis = await startRedis();
  service = await startWebSocketService();
});
afterEach(async () => {
  await gateway.stop();
  await service.stop();
  await redis.stop();
});

const nowSeconds = () => Math.floor(Date.now() / 1000);
const url = () => `${gateway.url}/api/x`;
const endOf = async ({ closed, closeReason }: TestSocket) => [await closed, await closeReason];

describe('an open WebSocket', () => {
  it('is closed with 1008 token_expired at both ends when its token is no longer taken, and not before', async () => {
    await startWith();
    // Only the leeway is left of it: enough for a slow machine to open the WebSocket.
    const exp = nowSeconds();
    const headers = bearer(tokenFor({ sub: 'visitor', exp }));
    const visitor = await openSocket(url(), { headers });
    const stayer = await openSocket(url(), { headers: bearer() });

    expect(await endOf(visitor)).toEqual([1008, 'token_expired']);
    const endedAtMs = Date.now();
    expect(endedAtMs).toBeGreaterThanOrEqual((exp + LEEWAY_SECONDS) * 1000 - 10);
    expect(endedAtMs).toBeLessThan((exp + LEEWAY_SECONDS) * 1000 + 1000);
    await until('the service to be told', () => service.received.codes.includes(1008));
    expect(await tryToOpen(url(), { headers })).toMatchObject({
      status: 401,
      headers: { 'x-gateway-reason': 'token_expired' },
    });
    expect(stayer.ws.readyState).toBe(stayer.ws.OPEN);
    await until('its line', async () =>
      (await gateway.lines('access')).some(
        ({ user, webSocketEnd }) => user === 'visitor' && webSocketEnd === 'expired',
      ),
    );
  });

  it('is closed when its API key expires', async () => {
    await startWith();
    const { key } = await operatorOf(redis).keys.create({ owner: 'billing', expiresAtMs: Date.now() + 4000 });
    const headers = { 'x-api-key': key };
    const machine = await until('the key to be known', async () => {
      const result = await tryToOpen(url(), { headers });
      return 'ws' in result && result;
    });
    expect(await endOf(machine)).toEqual([1008, 'token_expired']);
  });

  it('is given the leeway of its own issuer, and stays if nobody says when its token ends', async () => {
    const key = issuerKey('EdDSA');
    const keys = await startKeyServer(key);
    const others = await startKeyServer();
    others.answer(json({ active: true, sub: 'opaque', aud: 'api' }));
    const audience = ['api'];
    const ofOther = { issuer: 'other', jwksUrl: keys.jwksUrl, subjectPrefix: 'other|', leewaySeconds: 0 };
    const introspection = { url: others.url, clientId: 'c', clientSecret: '${OTHER_SECRET}', subjectPrefix: 'opaque|' };
    await startWith({
      issuers: [{ ...ofOther, audience, algorithms: ['EdDSA'] }],
      introspection: { ...introspection, audience, cacheSeconds: 1 },
    });
    const exp = nowSeconds() + 4;
    const opaque = await openSocket(url(), { headers: bearer('opaque-token') });
    const visitor = await openSocket(url(), {
      headers: bearer(key.token({ iss: 'other', aud: 'api', sub: 'v', exp })),
    });

    expect(await endOf(visitor)).toEqual([1008, 'token_expired']);
    expect(Date.now()).toBeLessThan((exp + LEEWAY_SECONDS) * 1000);
    expect(opaque.ws.readyState).toBe(opaque.ws.OPEN);
    opaque.ws.terminate();
    await Promise.all([keys.stop(), others.stop()]);
  });
});
