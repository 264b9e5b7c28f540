import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Dictionary, type Item, type List, parseList } from 'structured-headers';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const MINUTE_MS = 60_000;

/** Each with a route of its name, and some of them together. */
const policies = {
  fixed: { key: 'address', algorithm: 'fixed', limit: 10, windowMs: MINUTE_MS },
  sliding: { key: 'address', algorithm: 'sliding', limit: 10, windowMs: MINUTE_MS },
  // So slow that nothing comes in while a test runs.
  bucket: { key: 'address', algorithm: 'token-bucket', limit: 20, burst: 10, windowMs: 20 * MINUTE_MS },
  quick: { key: 'address', algorithm: 'token-bucket', limit: 20, burst: 2, windowMs: 1000 },
  short: { key: 'address', algorithm: 'sliding', limit: 5, windowMs: 1000 },
  tight: { key: 'address', limit: 3, windowMs: MINUTE_MS },
  shadow: { key: 'address', limit: 2, windowMs: MINUTE_MS, mode: 'shadow' },
  'per-user': { key: 'user', limit: 2, windowMs: MINUTE_MS },
  'per-tenant': { key: 'tenant', limit: 2, windowMs: MINUTE_MS },
  'per-device': { key: { header: 'X-Device-Id' }, limit: 2, windowMs: MINUTE_MS },
  picky: {
    ...{ key: 'address', limit: 1, windowMs: MINUTE_MS },
    ...{ allow: ['198.51.100.0/24', '2001:db8:a::/48'], deny: ['203.0.113.0/24'] },
  },
};

const route = (name: string, settings: Record<string, unknown>) => ({
  ...{ path: `/${name}/*`, upstream: 'crm', auth: 'none', ...settings },
});

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
      ...Object.keys(policies).map((name) => route(name, { limits: [name] })),
      route('heavy', { limits: ['fixed'], weight: 4 }),
      route('heavy-sliding', { limits: ['sliding'], weight: 4 }),
      route('heavy-bucket', { limits: ['bucket'], weight: 4 }),
      route('both', { limits: ['fixed', 'tight'] }),
      route('plain', {}),
    ],
    sections: { policies, addresses: { allow: ['192.0.2.200'], deny: ['192.0.2.66', '2001:db8:bad::/48'] } },
    env: { RATE_LIMIT_MAX_REQUESTS: '50' },
  });
});

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await redis.stop();
});

beforeEach(() => redis.client.flushdb());

let nextAddress = 0;
/** An address that no worker remembers. */
const newAddress = () => `10.0.${nextAddress >> 8}.${nextAddress++ & 255}`;

function ask(path: string, { address = newAddress(), ...headers }: Record<string, string> = {}): Promise<Answer> {
  return call(gateway.url + path, { headers: { 'x-forwarded-for': address, ...headers } });
}

/** How many of these pass. */
async function passing(times: number, path: string, headers: Record<string, string>): Promise<number> {
  const answers = await Promise.all(Array.from({ length: times }, () => ask(path, headers)));
  expect(answers.filter(({ status }) => status !== 200 && status !== 429)).toEqual([]);
  return answers.filter(({ status }) => status === 200).length;
}

/** The one item of a header that is a list, with its parameters. */
function itemOf({ headers }: Answer, name: string): { value: unknown; parameters: Record<string, unknown> } {
  const list: List = parseList(String(headers[name]));
  expect(list).toHaveLength(1);
  const [value, parameters] = list[0] as Item;
  return { value, parameters: Object.fromEntries(parameters as Dictionary) };
}

describe('a policy of a route', () => {
  it.each(['fixed', 'sliding', 'bucket'])('lets exactly its limit pass: %s', async (name) => {
    const address = newAddress();
    expect(await passing(40, `/${name}/x`, { address })).toBe(10);
    expect(await passing(5, `/${name}/x`, { address: newAddress() })).toBe(5);
    const refused = await ask(`/${name}/x`, { address });
    expect(reasonOf(refused)).toBe('rate_limited_ip');
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      detail: `The limit "${name}" of this address is used up.`,
      retryAfter: Number(refused.headers['retry-after']),
    });
  });

  it('counts a request by the weight of its route', async () => {
    for (const name of ['heavy', 'heavy-sliding', 'heavy-bucket']) {
      const address = newAddress();
      expect(await passing(5, `/${name}/x`, { address })).toBe(2);
      // What is left is enough for lighter ones.
      const light = { heavy: 'fixed', 'heavy-sliding': 'sliding', 'heavy-bucket': 'bucket' }[name];
      expect(await passing(5, `/${light}/x`, { address })).toBe(2);
    }
  });

  it('refills a bucket with time, and never beyond its burst', async () => {
    const address = newAddress();
    /** No more pass than it holds at first, and what comes in meanwhile. */
    const expectNoMore = async (times: number) => {
      const startedAt = performance.now();
      const passed = await passing(times, '/quick/x', { address });
      expect(passed).toBeLessThanOrEqual(2 + Math.ceil((performance.now() - startedAt) / 50));
    };
    await expectNoMore(10);
    await until('a token', async () => (await ask('/quick/x', { address })).status === 200);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await expectNoMore(30);
  });

  it('never lets more than the limit pass in any sliding window, also over the edge of a fixed one', async () => {
    const address = newAddress();
    const passed: { sentAt: number; answeredAt: number }[] = [];
    const end = performance.now() + 3500;
    while (performance.now() < end) {
      const sentAt = performance.now();
      const { status } = await ask('/short/x', { address });
      if (status === 200) passed.push({ sentAt, answeredAt: performance.now() });
    }
    expect(passed.length).toBeGreaterThan(10);
    // Counted at some time between: of six that pass, the last is counted when the first is out of the window.
    const spans = passed.slice(5).map(({ answeredAt }, index) => answeredAt - (passed[index]?.sentAt ?? 0));
    expect(Math.min(...spans)).toBeGreaterThan(999);
  });

  it('counts a request in a sliding window until that is over', async () => {
    const status = await until('an answer in time', async () => {
      const [address, startedAt] = [newAddress(), performance.now()];
      expect(await passing(5, '/short/x', { address })).toBe(5);
      await new Promise((resolve) => setTimeout(resolve, 700));
      const answer = await ask('/short/x', { address });
      return performance.now() - startedAt < policies.short.windowMs && answer.status;
    });
    expect(status).toBe(429);
  });

  it('is counted all at once with the others, or not at all', async () => {
    const address = newAddress();
    expect(await passing(20, '/both/x', { address })).toBe(3);
    // What "tight" has refused was not counted by "fixed".
    expect(await passing(20, '/fixed/x', { address })).toBe(7);
    expect(await redis.client.get(`psa:limit:anonymous:${address}`)).toBe('10');
  });

  it('holds beside the limit of the environment, which counts requests', async () => {
    const address = newAddress();
    expect(await passing(60, '/plain/x', { address })).toBe(50);
    const refused = await ask('/fixed/x', { address });
    expect(refused.status).toBe(429);
    expect(itemOf(refused, 'ratelimit').value).toBe('anonymous');
    expect(JSON.parse(refused.body.toString()).detail).not.toContain('fixed');
  });

  it('asks Redis once for a request, however many limits there are', async () => {
    await ask('/both/x');
    const before = await commandCount();
    await ask('/both/x');
    // One script for both limits and that of the environment.
    expect(await commandCount()).toMatchObject({ evalsha: Number(before.evalsha) + 1, eval: before.eval });
  });

  it('goes on when Redis forgets its script', async () => {
    const address = newAddress();
    expect(await passing(5, '/fixed/x', { address })).toBe(5);
    await redis.client.call('SCRIPT', 'FLUSH');
    expect(await passing(20, '/fixed/x', { address })).toBe(5);
    // In Redis, and not only here.
    expect(await redis.client.get(`psa:limit:anonymous:${address}`)).toBe('10');
    expect((await call(`${gateway.url}/health`)).body.toString()).toContain('"status":"healthy"');
  });

  it('leaves no key without an end', async () => {
    for (const name of Object.keys(policies)) await ask(`/${name}/x`, { ...bearer(), 'x-device-id': 'a' });
    // The stream of the audit log has no end in time: it is cut to a number of events.
    const keys = (await redis.client.keys('*')).filter((key) => key !== 'psa:audit');
    expect(keys.length).toBeGreaterThan(8);
    for (const key of keys) expect({ key, ttl: await redis.client.pttl(key) }).not.toEqual({ key, ttl: -1 });
  });
});

/** How often Redis was asked for each command. */
async function commandCount(): Promise<Record<string, number>> {
  const lines = (await redis.client.info('commandstats')).matchAll(/cmdstat_(\S+):calls=(\d+)/g);
  return Object.fromEntries(Array.from(lines, ([, name, calls]) => [name, Number(calls)]));
}

describe('RateLimit and RateLimit-Policy', () => {
  it('tell of the policy that is nearest to exhaustion, as structured fields', async () => {
    const address = newAddress();
    const answer = await ask('/both/x', { address });
    expect(itemOf(answer, 'ratelimit')).toMatchObject({ value: 'tight', parameters: { r: 2, t: 60 } });
    const policy = itemOf(answer, 'ratelimit-policy');
    expect(policy).toMatchObject({ value: 'tight', parameters: { q: 3, w: 60 } });
    // It tells callers apart, and names none.
    const partition = Buffer.from(policy.parameters.pk as ArrayBuffer);
    expect(partition.length).toBe(12);
    expect(partition.toString()).not.toContain(address);
    expect(itemOf(await ask('/plain/x', { address }), 'ratelimit').value).toBe('anonymous');
  });

  it('tell of a bucket as the window in which it fills', async () => {
    const answer = await ask('/bucket/x');
    expect(itemOf(answer, 'ratelimit')).toMatchObject({ value: 'bucket', parameters: { r: 9, t: 60 } });
    expect(itemOf(answer, 'ratelimit-policy')).toMatchObject({ parameters: { q: 10, w: 600 } });
  });
});

describe('who is counted', () => {
  it('a user, whatever the address; nobody without one', async () => {
    const user = bearer(tokenFor({ sub: 'counted' }));
    for (const expected of [200, 200, 429]) expect((await ask('/per-user/x', user)).status).toBe(expected);
    const refused = await ask('/per-user/x', user);
    expect(reasonOf(refused)).toBe('rate_limited_user');
    expect((await ask('/per-user/x', bearer(tokenFor({ sub: 'other' })))).status).toBe(200);
    const address = newAddress();
    expect(await passing(5, '/per-user/x', { address })).toBe(5);
  });

  it("a tenant, by the token and never by a client's own header", async () => {
    const asUser = (sub: string) => bearer(tokenFor({ sub, tenantId: 'brightpath' }));
    for (const sub of ['a', 'b']) expect((await ask('/per-tenant/x', asUser(sub))).status).toBe(200);
    const refused = await ask('/per-tenant/x', { ...asUser('c'), 'x-tenant-id': 'another' });
    expect(reasonOf(refused)).toBe('rate_limited_user');
    expect(JSON.parse(refused.body.toString()).detail).toBe('The limit "per-tenant" of this tenant is used up.');
  });

  it('the value of a header, and the address of a client that does not send it', async () => {
    const address = newAddress();
    for (const expected of [200, 200, 429]) {
      expect((await ask('/per-device/x', { address, 'x-device-id': 'secret-1' })).status).toBe(expected);
    }
    expect((await ask('/per-device/x', { address, 'x-device-id': 'secret-2' })).status).toBe(200);
    expect(await passing(5, '/per-device/x', { address })).toBe(2);
    expect((await redis.client.keys('*')).join()).not.toContain('secret');
  });
});

describe('addresses', () => {
  it('that are denied get 403 before anything is counted', async () => {
    for (const address of ['192.0.2.66', '2001:db8:bad::1']) {
      const refused = await ask('/plain/x', { address });
      expect(refused.status).toBe(403);
      expect(reasonOf(refused)).toBe('ip_denied');
    }
    expect(await redis.client.keys('psa:limit:*')).toEqual([]);
    expect((await ask('/health', { address: '192.0.2.66' })).status).toBe(200);
  });

  it('that are allowed are not limited by address', async () => {
    expect(await passing(60, '/plain/x', { address: '192.0.2.200' })).toBe(60);
    expect(await passing(20, '/fixed/x', { address: '192.0.2.200' })).toBe(20);
    expect((await ask('/plain/x', { address: '192.0.2.200' })).headers).not.toHaveProperty('ratelimit');
  });

  it('may be allowed and denied by one policy', async () => {
    for (const address of ['198.51.100.1', '2001:db8:a::1']) {
      expect(await passing(5, '/picky/x', { address })).toBe(5);
    }
    expect(await passing(5, '/picky/x', { address: '2001:db8:b::1' })).toBe(1);
    const refused = await ask('/picky/x', { address: '203.0.113.9' });
    expect(reasonOf(refused)).toBe('ip_denied');
    expect((await ask('/plain/x', { address: '203.0.113.9' })).status).toBe(200);
  });
});

describe('a policy in shadow mode', () => {
  it('refuses nothing, and says in metrics and access log what it would refuse', async () => {
    const address = newAddress();
    expect(await passing(5, '/shadow/x', { address })).toBe(5);
    const lines = (await gateway.lines('access')).filter(({ client }) => client === address);
    expect(lines.filter(({ wouldRefuse }) => wouldRefuse === 'shadow')).toHaveLength(3);
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    expect(metrics).toContain('gateway_rate_limit_decisions_total{limit="shadow",decision="would_refuse"} 3');
    expect(itemOf(await ask('/shadow/x', { address }), 'ratelimit').value).toBe('anonymous');
  });
});

describe('without Redis', () => {
  it('each policy does what its onStoreError says', async () => {
    const one = { key: 'address', limit: 1, windowMs: MINUTE_MS };
    const alone = await startGateway({
      upstreams: { crm: crm.port },
      routes: ['local', 'allow', 'deny'].map((name) => route(name, { limits: [name] })),
      sections: {
        policies: { local: one, allow: { ...one, onStoreError: 'allow' }, deny: { ...one, onStoreError: 'deny' } },
      },
    });
    try {
      const twice = async (path: string) => [await call(alone.url + path), await call(alone.url + path)] as const;
      expect(await twice('/local/x')).toMatchObject([{ status: 200 }, { status: 429 }]);
      expect(await twice('/allow/x')).toMatchObject([{ status: 200 }, { status: 200 }]);
      const [refused] = await twice('/deny/x');
      expect(refused.status).toBe(503);
      expect(reasonOf(refused)).toBe('overloaded');
      expect(refused.headers['retry-after']).toBe('1');
    } finally {
      await alone.stop();
    }
  });
});
