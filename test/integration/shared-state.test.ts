import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { metricsOf } from '../support/metrics-of.ts';
import { operatorOf } from '../support/operator.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const RECORDS = 'psa:{state}:revocations';

const revoked = tokenFor({ jti: 'stolen', sub: 'victim' });
const good = tokenFor({ jti: 'fine', sub: 'victim' });

let crm: RecordingBackend;
let redis: TestRedis;
let gateways: TestGateway[];

beforeAll(async () => {
  crm = await startRecordingBackend();
});
afterAll(() => crm.stop());
beforeEach(async () => {
  redis = await startRedis();
  gateways = [];
});
afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  redis.thaw();
  await redis.stop();
});

const start = async (settings: Partial<Parameters<typeof startGateway>[0]> = {}) => {
  const gateway = await startGateway({ upstreams: { crm: crm.port }, redisPort: redis.port, ...settings });
  gateways.push(gateway);
  return gateway;
};
const ask = (gateway: TestGateway, token: string) => call(`${gateway.url}/api/crm/x`, { headers: bearer(token) });
const refuses = async (gateway: TestGateway, token = revoked) =>
  reasonOf(await ask(gateway, token)) === 'token_revoked';
const revoke = async (...all: TestGateway[]) => {
  await operatorOf(redis).revocations.revokeToken({ jti: 'stolen' });
  for (const gateway of all) await until('the revocation to be known', () => refuses(gateway));
};
const healthOf = async ({ url }: TestGateway) => JSON.parse((await call(`${url}/health`)).body.toString());
const isHealthy = async (gateway: TestGateway) => (await healthOf(gateway)).status === 'healthy';
const changesOf = async (gateway: TestGateway) =>
  (await gateway.lines('combined')).flatMap(
    ({ message }) => /^revocations, API keys and tenants are (not known|known|stale)/.exec(String(message))?.[1] ?? [],
  );

describe('a Redis that has lost everything', () => {
  it.each([
    ['FLUSHALL', () => redis.client.flushall()],
    ['a restart without its data', () => redis.restart()],
  ])('by %s is given back what the workers know, and no revoked token passes meanwhile', async (_, lose) => {
    const [one, other] = [await start(), await start()];
    const { keys, tenants } = operatorOf(redis);
    const { id } = await keys.create({ owner: 'billing' });
    await tenants.suspend('acme');
    await revoke(one, other);
    const load = keepAliveLoad({
      url: `${one.url}/api/crm/x`,
      headers: bearer(revoked),
      connections: 2,
      expectedStatus: 401,
    });

    await lose();
    await until('the revocation to be in Redis again', () => redis.client.hexists(RECORDS, 'jti:stolen'));
    await until('the key to be there', async () => (await keys.show(id))?.owner === 'billing');
    await until('the tenant to be there', async () => (await tenants.show('acme'))?.status === 'suspended');

    // A worker that has never known of it, and those that did.
    const late = await start();
    for (const gateway of [one, other, late]) expect(await refuses(gateway)).toBe(true);
    expect((await ask(late, good)).status).toBe(200);
    expect((await load.stop()).failures).toEqual({});
  });

  it('gets nothing back that somebody has changed in the meantime', async () => {
    const gateway = await start();
    const { tenants } = operatorOf(redis);
    await tenants.suspend('acme');
    const member = tokenFor({ tenantId: 'acme' });
    await until('the suspension to be known', async () => (await ask(gateway, member)).status === 403);
    await redis.client.multi().flushall().exec();
    await tenants.activate('acme');
    await until('the change to be known', async () => (await ask(gateway, member)).status === 200);
    expect((await tenants.show('acme'))?.status).toBe('active');
  });
});

describe('a gateway that starts anew', () => {
  it('knows what is revoked before it serves its first request', async () => {
    await operatorOf(redis).revocations.revokeToken({ jti: 'stolen' });
    expect(await refuses(await start())).toBe(true);
  });
});

describe('while Redis is away', () => {
  it('the last known revocations count; the state is told by log, health and metrics, and ends by itself', async () => {
    const gateway = await start();
    await revoke(gateway);
    await redis.kill();
    await until(
      'the state to be stale',
      async () => (await healthOf(gateway)).dependencies.sharedState.status === 'down',
    );
    expect(await refuses(gateway)).toBe(true);
    expect((await ask(gateway, good)).status).toBe(200);
    const details = JSON.parse((await call(`${gateway.url}/health/detailed`)).body.toString());
    expect(details.sharedState).toMatchObject({
      state: 'stale',
      records: { revocations: 1, tenants: 0, 'api-keys': 0 },
    });
    const metrics = await metricsOf(gateway.adminUrl);
    expect(metrics.get('gateway_shared_state_age_seconds')).toBeGreaterThan(2);
    expect(metrics.get('gateway_shared_state_records{table="revocations"}')).toBe(1);

    await redis.restart();
    await until('health to be back', () => isHealthy(gateway));
    expect(await refuses(gateway)).toBe(true);
    expect(await changesOf(gateway)).toEqual(['known', 'stale', 'known']);
  });
});

describe('a Redis whose access rules allow the limits alone', () => {
  it('goes on sharing the limits, and the log tells why nothing else is known', async () => {
    await redis.client.call('ACL', 'SETUSER', 'gateway', 'on', '>password', '~psa:limit:*', '~psa:probe', '+@all');
    const url = `redis://gateway:password@127.0.0.1:${redis.port}`;
    const gateway = await start({ env: { REDIS_URL: url } });
    const isLinked = async () => (await healthOf(gateway)).dependencies.redis.status !== 'down';
    await until('the link', isLinked);
    for (let look = 0; look < 20; look++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(await isLinked()).toBe(true);
    }
    const warnings = await until('the warning', async () => {
      const lines = await gateway.lines('combined');
      return lines.find(({ message }) => /^revocations.* are not known/.test(String(message)));
    });
    expect(String(warnings.reason)).toMatch(/NOPERM/);
    expect((await ask(gateway, good)).status).toBe(200);
  });
});

describe('a gateway that has never reached Redis', () => {
  beforeEach(() => redis.kill());

  it('passes tokens, says that it knows nothing, and learns it as soon as Redis is there', async () => {
    const gateway = await start();
    expect((await ask(gateway, revoked)).status).toBe(200);
    expect((await healthOf(gateway)).dependencies.sharedState).toEqual({ status: 'down' });
    await until('the warning', async () => (await changesOf(gateway)).includes('not known'));
    await redis.restart();
    await revoke(gateway);
    expect(await changesOf(gateway)).toEqual(['not known', 'known']);
  });

  it('answers 503 to tokens until then if it is told to deny', async () => {
    const gateway = await start({ revocation: { onUnknown: 'deny' } });
    const answer = await ask(gateway, good);
    expect([answer.status, reasonOf(answer), answer.headers['retry-after']]).toEqual([503, 'jwks_unavailable', '1']);
    expect((await call(`${gateway.url}/open/crm/x`)).status).toBe(200);
    await redis.restart();
    await until('the token to pass', async () => (await ask(gateway, good)).status === 200);
    // What it knows, it knows for good.
    await redis.kill();
    expect((await ask(gateway, good)).status).toBe(200);
  });
});
