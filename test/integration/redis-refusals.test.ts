import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { metricsOf } from '../support/metrics-of.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const perDevice = { key: { header: 'X-Device-Id' }, algorithm: 'sliding', limit: 4, windowMs: 600_000 };
const policies = { counted: perDevice, denied: { ...perDevice, limit: 1000, onStoreError: 'deny' } };
const route = { upstream: 'crm', auth: 'none' };
const routes = [
  { ...route, path: '/plain/*' },
  { ...route, path: '/counted/*', limits: ['counted'] },
  { ...route, path: '/denied/*', limits: ['denied'] },
];

let crm: RecordingBackend;
let redis: TestRedis;
let gateway: TestGateway;

beforeAll(async () => {
  crm = await startRecordingBackend();
});
afterAll(() => crm.stop());
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await gateway.stop();
  await redis.stop();
});

/** Starts a gateway as a user who may do everything but these. */
async function startWithout(...refused: string[]): Promise<void> {
  await redis.client.call('ACL', 'SETUSER', 'psa', 'on', '>secret', '~*', '+@all', ...refused);
  const env = { REDIS_USERNAME: 'psa', REDIS_PASSWORD: 'secret', RATE_LIMIT_MAX_REQUESTS: '7' };
  gateway = await startGateway({
    upstreams: { crm: crm.port },
    routes,
    sections: { policies },
    redisPort: redis.port,
    env,
  });
}

const ask = (path: string, headers: Record<string, string>) => call(`${gateway.url}${path}`, { headers });
const from = (address: string) => ({ 'x-forwarded-for': address });

/** How many of ten requests pass. */
async function passing(path: string, headers: Record<string, string>): Promise<number> {
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(path, headers)));
  return answers.filter(({ status }) => status === 200).length;
}

/** What the log says of Redis, a word for each line. */
async function told(): Promise<string[]> {
  const lines = await gateway.lines('combined');
  return lines.flatMap(({ message, command }) => {
    const word = /^redis (?:is )?(away|back|connected|refuses)/.exec(String(message))?.[1];
    return word === undefined ? [] : [command === undefined ? word : `${word} ${String(command)}`];
  });
}

const redisOf = async () => {
  const { status, dependencies } = JSON.parse((await call(`${gateway.url}/health`)).body.toString());
  return [status, dependencies.redis.status];
};

it('goes on sharing its limits when the audit log alone is refused, and says so everywhere', async () => {
  await startWithout('-xadd');
  expect(await redisOf()).toEqual(['healthy', 'up']);
  // Each refusal of a limit is an event of the audit log.
  for (let client = 1; client <= 3; client++) expect(await passing('/plain/x', from(`192.0.2.${client}`))).toBe(7);
  await until('the refusal to be told', async () => (await redisOf()).join() === 'degraded,refusing');
  expect(Number(await redis.client.get('psa:limit:anonymous:192.0.2.1'))).toBeGreaterThan(7);
  expect(await passing('/plain/x', from('192.0.2.4'))).toBe(7);
  expect(await told()).toEqual(['connected', 'refuses XADD']);
  const details = JSON.parse((await call(`${gateway.url}/health/detailed`)).body.toString());
  expect(details.redis).toMatchObject({
    status: 'refusing',
    refused: [{ command: 'XADD', kind: 'NOPERM', isRecent: true }],
  });
  const metrics = await metricsOf(gateway.adminUrl);
  expect(metrics.get('gateway_redis_refusals_total{command="XADD",kind="NOPERM"}')).toBeGreaterThan(0);
  expect(metrics.get('gateway_redis_up')).toBe(1);
});

it('counts by itself what Redis refuses to count, as each limit says, and shares it as soon as it may', async () => {
  await startWithout('-eval', '-evalsha', '-script');
  expect(await passing('/plain/x', from('192.0.2.1'))).toBe(7);
  expect(await passing('/counted/x', { 'x-device-id': 'a' })).toBe(4);
  expect(reasonOf(await ask('/denied/x', { 'x-device-id': 'a' }))).toBe('overloaded');
  expect(await redisOf()).toEqual(['degraded', 'refusing']);
  expect(await redis.client.keys('psa:limit:*')).toEqual([]);
  expect(new Set(await told())).toEqual(new Set(['connected', 'refuses EVALSHA', 'refuses SCRIPT']));

  await redis.client.call('ACL', 'SETUSER', 'psa', '+@all');
  const isShared = async () => {
    await ask('/plain/x', from('192.0.2.2'));
    return (await redis.client.exists('psa:limit:anonymous:192.0.2.2')) === 1;
  };
  await until('the script of the limits to be loaded', isShared, { withinMs: 7000 });
  expect(await passing('/denied/x', { 'x-device-id': 'b', ...from('192.0.2.3') })).toBe(7);
});

it('leaves all others their shared limits when one key holds something else', async () => {
  await startWithout();
  await ask('/counted/x', { 'x-device-id': 'odd' });
  const [key = ''] = await redis.client.keys('psa:limit:counted:*');
  await redis.client.set(key, 'something else');
  expect(await passing('/counted/x', { 'x-device-id': 'odd' })).toBe(3);
  expect(await passing('/counted/x', { 'x-device-id': 'good' })).toBe(4);
  expect(await redis.client.keys('psa:limit:counted:*')).toHaveLength(2);
  expect(await told()).toEqual(['connected', 'refuses EVALSHA']);
});

it('stays away from a Redis that refuses its probe: nobody knows what such a one can do', async () => {
  await startWithout('-set');
  expect(await redisOf()).toEqual(['degraded', 'down']);
  expect(await passing('/plain/x', from('192.0.2.1'))).toBe(7);
  expect(await told()).toEqual(['away']);
});
