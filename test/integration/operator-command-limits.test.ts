import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { lastEvents } from '../../src/audit/audit-stream.ts';
import { call } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type OperatorCommand, operatorCommand } from '../support/operator-command.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const plans = { free: { limit: 100, windowMs: 60_000, monthlyQuota: 1000 }, premium: { limit: 500, windowMs: 60_000 } };
const sections = { plans, defaultPlan: 'free' };
const env = { RATE_LIMIT_MAX_REQUESTS: '2', USER_RATE_LIMIT_MAX: '3' };

let redis: TestRedis;
let backend: RecordingBackend;
let worker: TestGateway;
let gateway: OperatorCommand;
beforeAll(async () => {
  redis = await startRedis();
  backend = await startRecordingBackend();
});
afterAll(async () => {
  await backend.stop();
  await redis.stop();
});
beforeEach(async () => {
  await redis.client.flushall();
  worker = await startGateway({ upstreams: { crm: backend.port }, redisPort: redis.port, sections, env });
  const file = {
    upstreams: { crm: { url: 'http://localhost:3002' } },
    routes: [{ path: '/api/crm/*', upstream: 'crm' }],
    ...sections,
  };
  gateway = await operatorCommand({ redisPort: redis.port, file: stringify(file) });
});
afterEach(async () => {
  await gateway.close();
  await worker.stop();
});

const command = (...[name, ...args]: [string, ...string[]]) => redis.client.call(name, ...args);
const run = (...args: string[]) => gateway.run(args, { env });
const asUser = (sub: string) =>
  call(`${worker.url}/api/crm/x`, { headers: bearer(tokenFor({ sub, tenantId: 'acme' })) });
const fromAddress = (address: string) =>
  call(`${worker.url}/open/crm/x`, { headers: { 'x-forwarded-for': address } }).then(({ status }) => status);

describe('gateway limits', () => {
  it('shows what is left of the limits of a user, an address and a tenant', async () => {
    await asUser('ada');
    await fromAddress('203.0.113.9');
    const limitsOf = async (...args: string[]) =>
      (await run('limits', 'show', '--json', ...args)).json<{ limit: string; remaining: number; size: number }[]>();
    expect(await limitsOf('--user', 'ada')).toMatchObject([{ limit: 'user', remaining: 2, size: 3 }]);
    expect(await limitsOf('--address', '203.0.113.9')).toMatchObject([
      { limit: 'anonymous', remaining: 1, size: 2 },
      { limit: 'login_failures' },
    ]);
    expect(await limitsOf('--tenant', 'acme')).toMatchObject([
      { limit: 'plan', remaining: 99, size: 100 },
      { limit: 'quota', remaining: 999, size: 1000 },
    ]);
    expect((await run('limits', 'show', '--user', 'ada')).stdout).toMatch(/^user +2 of 3 +15 min$/m);
  });

  it('are shown by a Redis that has no scripts', async () => {
    await redis.client.script('FLUSH');
    expect((await run('limits', 'show', '--user', 'ada')).stdout).toMatch(/^user +3 of 3 +-$/m);
  });

  it('resets those of one and of nobody else, and the workers notice', async () => {
    const [one, other] = ['203.0.113.9', '203.0.113.10'];
    for (const address of [one, one, one, other, other, other]) await fromAddress(address);
    expect([await fromAddress(one), await fromAddress(other)]).toEqual([429, 429]);
    const { code, stdout } = await run('limits', 'reset', '--address', one);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1 count forgotten. Workers notice within a second.\n' });
    await until('the first to pass', async () => (await fromAddress(one)) === 200);
    expect(await fromAddress(other)).toBe(429);
  });

  it('is on record, without the address', async () => {
    await run('limits', 'reset', '--address', '203.0.113.9');
    await run('limits', 'show', '--user', 'ada');
    const events = await lastEvents({ command }, 10);
    expect(events.map((event) => event.command)).toEqual(['limits reset address', 'limits show user']);
    expect(JSON.stringify(events)).not.toContain('203.0.113');
  });

  it.each([[[]], [['--user', 'a', '--tenant', 'b']], [['--address', '1.2.3']], [['--user', '']]])(
    'exits with 2, and resets nothing, when it is not clear whose: %j',
    async (args) => {
      await asUser('ada');
      expect((await run('limits', 'reset', ...args)).code).toBe(2);
      expect(await redis.client.get('psa:limit:user:ada')).toBe('1');
    },
  );
});

describe('gateway usage', () => {
  it('adds up what a tenant has used, by day', async () => {
    await asUser('ada');
    await asUser('bo');
    const { stdout } = await run('usage', 'acme', '--days', '2');
    expect(stdout.split('\n')).toHaveLength(5);
    expect(stdout).toMatch(/^all +2$/m);
    expect((await run('usage', 'acme', '--json')).json()).toMatchObject({ tenant: 'acme', units: 2 });
  });
});

describe('gateway tenants plan', () => {
  it('puts a tenant on a plan, whose limits are shown from then on', async () => {
    expect((await run('tenants', 'plan', 'acme', 'premium', '--json')).json()).toMatchObject({ plan: 'premium' });
    expect((await run('limits', 'show', '--tenant', 'acme')).stdout).toMatch(/^plan +500 of 500 +-$/m);
  });

  it('exits with 2 for a plan that is not there, and names those that are', async () => {
    const { code, stderr } = await run('tenants', 'plan', 'acme', 'premuim');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'There is no plan "premuim": expected one of free, premium.\n',
    });
  });
});
