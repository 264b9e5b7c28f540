import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { operatorOf } from '../support/operator.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { openSocket, tryToOpen } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

let redis: TestRedis;
let service: WebSocketService;
let gateway: TestGateway;
let operator: ReturnType<typeof operatorOf>;

beforeEach(async () => {
  redis = await startRedis();
  service = await startWebSocketService();
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [{ path: '/api/*', upstream: 'live', websocket: {} }],
    redisPort: redis.port,
  });
  operator = operatorOf(redis);
});
afterEach(async () => {
  await gateway.stop();
  await service.stop();
  await redis.stop();
});

const open = (headers: Record<string, string>) => openSocket(`${gateway.url}/api/x`, { headers });
const isRefused = async (headers: Record<string, string>) => {
  const result = await tryToOpen(`${gateway.url}/api/x`, { headers });
  if (!('ws' in result)) return true;
  result.ws.close();
  await result.closed;
  return false;
};

describe('an open WebSocket', () => {
  it('is closed when its user is revoked, its key, or its tenant suspended; others stay', async () => {
    const { id, key } = await operator.keys.create({ owner: 'billing', tenantId: 'globex' });
    const withKey = { 'x-api-key': key };
    await until('the key to be known', async () => !(await isRefused(withKey)));
    const leaver = await open(bearer(tokenFor({ sub: 'leaver' })));
    const machine = await open(withKey);
    const member = await open(bearer(tokenFor({ sub: 'member', tenantId: 'acme' })));
    const stayer = await open(bearer(tokenFor({ sub: 'stayer' })));

    await operator.revocations.revokeUser('leaver');
    expect([await leaver.closed, await leaver.closeReason]).toEqual([1008, 'token_revoked']);
    await operator.keys.revoke(id);
    expect([await machine.closed, await machine.closeReason]).toEqual([1008, 'token_revoked']);
    await operator.tenants.suspend('acme');
    expect([await member.closed, await member.closeReason]).toEqual([1008, 'tenant_suspended']);

    expect(await isRefused(bearer(tokenFor({ sub: 'leaver', iat: Math.floor(Date.now() / 1000) - 60 })))).toBe(true);
    expect(stayer.ws.readyState).toBe(stayer.ws.OPEN);
    await until('the records', async () => {
      const lines = await gateway.lines('access');
      const ends = lines.map(({ webSocketEnd }) => webSocketEnd).filter((end) => end !== undefined && end !== 'closed');
      return ends.join() === 'revoked,revoked,suspended';
    });
  });
});
