import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { limitRules } from '../../src/rate-limit/limit-rules.ts';
import { limitState, resetLimits, usageOf } from '../../src/rate-limit/limit-state.ts';
import { call, reasonOf } from '../support/call.ts';
import { configOf, minimalFile } from '../support/configuration.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';

const sections = {
  plans: {
    free: { limit: 5, windowMs: 60_000, monthlyQuota: 8 },
    premium: { algorithm: 'token-bucket', limit: 600, burst: 50, windowMs: 60_000 },
  },
  defaultPlan: 'free',
};

let redis: TestRedis;
let crm: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  gateway = await startGateway({
    upstreams: { crm: crm.port },
    redisPort: redis.port,
    routes: [
      { path: '/crm/*', upstream: 'crm' },
      { path: '/reports/*', upstream: 'crm', weight: 3 },
      { path: '/open/*', upstream: 'crm', auth: 'none' },
    ],
    sections,
  });
});

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await redis.stop();
});

beforeEach(() => redis.client.flushdb());

// Each test has a tenant of its own: the gateway remembers for a second whom it has refused.

const ask = (tenantId: string, path = '/crm/x') =>
  call(gateway.url + path, { headers: bearer(tokenFor({ tenantId, sub: `user of ${tenantId}` })) });

const command = (...args: [string, ...string[]]) => redis.client.call(...args);
const { gateway: file, settings } = configOf({ file: minimalFile + stringify(sections) });
const stateOf = (tenant: string) => ({
  rules: limitRules(file, settings),
  subject: { kind: 'tenant' as const, id: tenant },
  now: Date.now(),
});

describe('a plan', () => {
  it('limits a tenant, all its users and routes together', async () => {
    expect((await ask('acme', '/reports/x')).status).toBe(200);
    expect((await ask('acme')).status).toBe(200);
    expect((await ask('acme')).status).toBe(200);
    const refused = await ask('acme');
    expect(reasonOf(refused)).toBe('rate_limited_user');
    expect(JSON.parse(refused.body.toString()).detail).toBe('The limit "plan" of this tenant is used up.');
    expect((await ask('brightpath')).status).toBe(200);
  });

  it('does not touch those who have no tenant', async () => {
    const answer = await call(`${gateway.url}/open/x`);
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('x-quota-limit');
    expect(await redis.client.keys('psa:usage:*')).toEqual([]);
  });
});

describe('a quota', () => {
  it('is told in headers, and ends with the month', async () => {
    const { headers } = await ask('blue', '/reports/x');
    expect(headers).toMatchObject({ 'x-quota-limit': '8', 'x-quota-remaining': '5' });
    const now = new Date();
    const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
    expect(Math.abs(Number(headers['x-quota-reset']) - (end - now.getTime()) / 1000)).toBeLessThan(5);
    const [key = ''] = await redis.client.keys('psa:quota:*');
    expect(key).toBe(`psa:quota:{blue}:${now.toISOString().slice(0, 7)}`);
    expect(Math.abs((await redis.client.pttl(key)) - (end - now.getTime()))).toBeLessThan(5000);
  });

  it('refuses with its name when it is used up, and then nothing else is counted', async () => {
    for (let request = 0; request < 5; request++) expect((await ask('cyan')).status).toBe(200);
    await redis.client.del('psa:limit:plan:{cyan}');
    for (let request = 0; request < 3; request++) expect((await ask('cyan')).status).toBe(200);
    const refused = await ask('cyan');
    expect(refused.status).toBe(429);
    expect(reasonOf(refused)).toBe('rate_limited_user');
    expect(JSON.parse(refused.body.toString()).detail).toBe('The monthly quota of this tenant is used up.');
    expect(refused.headers['x-quota-remaining']).toBe('0');
    expect(await redis.client.get('psa:limit:plan:{cyan}')).toBe('3');
  });
});

describe('usage and state', () => {
  it('tell what a tenant has used, by day, without what was refused', async () => {
    await ask('dune', '/reports/x');
    for (let request = 0; request < 5; request++) await ask('dune');
    const usage = await usageOf({ tenant: 'dune', days: 3, now: Date.now() })(command);
    expect(usage.map(({ units }) => units)).toEqual([0, 0, 5]);
    const [key = ''] = await redis.client.keys('psa:usage:*');
    expect(await redis.client.ttl(key)).toBeGreaterThan(61 * 86_400);
  });

  it('show what is left without counting, and can be reset', async () => {
    await ask('echo', '/reports/x');
    for (let look = 0; look < 2; look++) {
      expect(await limitState(stateOf('echo'))(command)).toMatchObject([
        { limit: 'plan', key: 'psa:limit:plan:{echo}', size: 5, remaining: 2 },
        { limit: 'quota', size: 8, remaining: 5 },
      ]);
    }
    expect(await resetLimits(stateOf('echo'))(command)).toHaveLength(2);
    expect(await limitState(stateOf('echo'))(command)).toMatchObject([{ remaining: 5 }, { remaining: 8 }]);
    expect(await redis.client.keys('psa:limit:plan:*')).toEqual([]);
  });
});
