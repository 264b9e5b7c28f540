import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { withOtherPadding } from '../support/forge-token.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { operatorOf } from '../support/operator.ts';
import { quickest } from '../support/quickest.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** A change is to be known within a second; the rest is for machines that are busy with something else. */
const KNOWN_MS = 1000 + 500;

let redis: TestRedis;
let crm: RecordingBackend;
/** Of two machines, as far as Redis can tell. */
let gateways: readonly [TestGateway, TestGateway];
let operator: ReturnType<typeof operatorOf>;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  const start = () => startGateway({ upstreams: { crm: crm.port }, redisPort: redis.port });
  gateways = [await start(), await start()];
  operator = operatorOf(redis);
});
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await crm.stop();
  await redis.stop();
});
afterEach(() => crm.reset());

const nowSeconds = () => Math.floor(Date.now() / 1000);
const ask = (token: string, path = '/api/crm/x') =>
  Promise.all(gateways.map(({ url }) => call(`${url}${path}`, { headers: bearer(token) })));
const statuses = async (token: string) => (await ask(token)).map(({ status }) => status);
const refusedByAll = (token: string) =>
  until('the revocation to be known everywhere', async () => (await statuses(token)).every((status) => status === 401));

describe('a revoked token', () => {
  it('is refused by every gateway within a second, with its reason, and reaches no service', async () => {
    const other = tokenFor({ jti: 'session-2' });
    let token = '';
    let sessions = 0;
    const tookMs = await quickest(KNOWN_MS, async () => {
      const jti = `session-1-${sessions++}`;
      token = tokenFor({ jti });
      expect(await statuses(token)).toEqual([200, 200]);
      const revokedAt = performance.now();
      await operator.revocations.revokeToken({ jti });
      await refusedByAll(token);
      return performance.now() - revokedAt;
    });
    expect(tookMs).toBeLessThan(KNOWN_MS);
    crm.reset();
    for (const answer of await ask(token)) {
      expect(reasonOf(answer)).toBe('token_revoked');
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    }
    expect(crm.requests).toEqual([]);
    expect(await statuses(other)).toEqual([200, 200]);
  });

  it('is not saved by another spelling of its bytes', async () => {
    const token = tokenFor({ jti: 'session-3' });
    await operator.revocations.revokeToken({ jti: 'session-3' });
    await refusedByAll(token);
    expect(await statuses(withOtherPadding(token))).toEqual([401, 401]);
  });

  it('is nobody on a route that asks for nobody', async () => {
    const token = tokenFor({ jti: 'session-4' });
    await operator.revocations.revokeToken({ jti: 'session-4' });
    await refusedByAll(token);
    crm.reset();
    expect((await ask(token, '/open/crm/x')).map(({ status }) => status)).toEqual([200, 200]);
    expect(crm.requests.flatMap(({ headers }) => headers['x-user-id'] ?? [])).toEqual([]);
  });

  it('opens no details of health', async () => {
    const token = tokenFor({ jti: 'admin-session', roles: ['admin'] });
    const details = async ({ url }: TestGateway) =>
      (await call(`${url}/health/detailed`, { headers: { ...bearer(token), 'x-forwarded-for': '203.0.113.7' } }))
        .status;
    expect(await details(gateways[0])).toBe(200);
    await operator.revocations.revokeToken({ jti: 'admin-session' });
    await refusedByAll(token);
    expect(await details(gateways[0])).toBe(404);
  });
});

describe('the tokens of a revoked user or tenant', () => {
  it.each([
    ['user', { sub: 'leaver', tenantId: 'tenant-9' }, { sub: 'stayer', tenantId: 'tenant-9' }],
    ['tenant', { sub: 'user-8', tenantId: 'tenant-8' }, { sub: 'user-8', tenantId: 'tenant-7' }],
  ] as const)('of a %s are refused if issued until now, and no others', async (kind, revoked, spared) => {
    const before = tokenFor({ ...revoked, iat: nowSeconds() - 60 });
    expect(await statuses(before)).toEqual([200, 200]);
    if (kind === 'user') await operator.revocations.revokeUser(revoked.sub);
    else await operator.revocations.revokeTenant(revoked.tenantId);
    const revokedSeconds = nowSeconds();
    await refusedByAll(before);
    expect((await ask(before)).map(reasonOf)).toEqual(['token_revoked', 'token_revoked']);
    // Nobody knows whether it was before or after.
    expect(await statuses(tokenFor({ ...revoked, iat: revokedSeconds }))).toEqual([401, 401]);
    expect(await statuses(tokenFor({ ...revoked, iat: revokedSeconds + 1 }))).toEqual([200, 200]);
    expect(await statuses(tokenFor({ ...spared, iat: revokedSeconds - 60 }))).toEqual([200, 200]);
    const ageless = tokenFor({ ...revoked, exp: nowSeconds() + 600 }, { noTimestamp: true });
    expect(await statuses(ageless)).toEqual([401, 401]);
  });
});

describe('asking about revocations', () => {
  it('costs no command to Redis for a request', async () => {
    const token = tokenFor();
    const theirs = tokenFor({ sub: 'somebody-else' });
    await operator.revocations.revokeUser('somebody-else');
    await refusedByAll(theirs);
    await redis.client.config('RESETSTAT');
    const startedAt = performance.now();
    for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 4 }, () => ask(token)));
    const polls = 2 * Math.ceil((performance.now() - startedAt) / 400 + 1);
    const commands = await commandCounts();
    expect(commands.xrange).toBeLessThanOrEqual(polls);
    // The limits ask once for each request, and nobody asks anything else.
    expect(commands.evalsha).toBe(400);
    // What was refused before goes on record within a second.
    const { xrange: _polls, evalsha: _limits, xadd: _audit, config: _ours, info: _also, ...rest } = commands;
    expect(Object.keys(rest).filter((name) => /^(?:h|x|get|mget|sismember)/.test(name))).toEqual([]);
  });
});

async function commandCounts(): Promise<Record<string, number>> {
  const stats = await redis.client.info('commandstats');
  return Object.fromEntries(
    [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [String(name), Number(calls)]),
  );
}
