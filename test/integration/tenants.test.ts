import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { operatorOf } from '../support/operator.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
let crm: RecordingBackend;
let gateway: TestGateway;
let operator: ReturnType<typeof operatorOf>;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  gateway = await startGateway({ upstreams: { crm: crm.port }, redisPort: redis.port });
  operator = operatorOf(redis);
});
afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await redis.stop();
});
afterEach(() => crm.reset());

const ask = (headers: Record<string, string>, path = '/api/crm/x') => call(`${gateway.url}${path}`, { headers });
const answersWith = (status: number, headers: Record<string, string>) =>
  until(`an answer with ${status}`, async () => (await ask(headers)).status === status);

describe('a suspended tenant', () => {
  const member = bearer(tokenFor({ sub: 'member', tenantId: 'acme' }));

  it('gets 403 with its reason until it is active again', async () => {
    expect((await ask(member)).status).toBe(200);
    await operator.tenants.suspend('acme');
    await answersWith(403, member);
    crm.reset();
    expect(reasonOf(await ask(member))).toBe('tenant_suspended');
    expect(crm.requests).toEqual([]);
    await operator.tenants.activate('acme');
    await answersWith(200, member);
  });

  it('is told by the verified token alone, never by a header of the client', async () => {
    await operator.tenants.suspend('acme');
    await answersWith(403, member);
    crm.reset();
    for (const name of ['x-tenant-id', 'X_Tenant_Id', 'x.tenant.id']) {
      expect((await ask({ ...member, [name]: 'other' })).status).toBe(403);
      expect((await ask({ ...bearer(tokenFor({ tenantId: 'other' })), [name]: 'acme' })).status).toBe(200);
      expect((await ask({ [name]: 'acme' }, '/open/crm/x')).status).toBe(200);
    }
    expect(crm.requests.flatMap(({ headers }) => headers['x-tenant-id'] ?? [])).toEqual(['other', 'other', 'other']);
  });

  it('is suspended too where its tokens have it as a number', async () => {
    await operator.tenants.suspend('7');
    await answersWith(403, bearer(tokenFor({ tenantId: 7 })));
    expect(reasonOf(await ask(bearer(tokenFor({ tenantId: ['7'] }))))).toBe('token_claims_invalid');
  });

  it('opens no details of health, not even to its admins', async () => {
    const admin = { ...bearer(tokenFor({ tenantId: 'acme', roles: ['admin'] })), 'x-forwarded-for': '203.0.113.7' };
    await operator.tenants.activate('acme');
    await until('the details', async () => (await ask(admin, '/health/detailed')).status === 200);
    await operator.tenants.suspend('acme');
    await answersWith(403, admin);
    expect((await ask(admin, '/health/detailed')).status).toBe(404);
  });

  it('can still use what asks for no caller, such as a login', async () => {
    await operator.tenants.suspend('acme');
    await answersWith(403, member);
    expect((await ask(member, '/open/crm/x')).status).toBe(200);
  });

  it('holds for its API keys as well', async () => {
    await operator.tenants.suspend('acme');
    const { key } = await operator.keys.create({ owner: 'billing', tenantId: 'acme' });
    await answersWith(403, { 'x-api-key': key });
    expect(reasonOf(await ask({ 'x-api-key': key }))).toBe('tenant_suspended');
  });
});

it('lets tenants pass that the operator does not keep', async () => {
  expect((await ask(bearer(tokenFor({ tenantId: 'never-heard-of' })))).status).toBe(200);
});
