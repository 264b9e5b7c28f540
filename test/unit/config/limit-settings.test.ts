import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { configOf, findingsOf } from '../../support/configuration.ts';

const file = (sections: Record<string, unknown>, route: Record<string, unknown> = {}) =>
  stringify({
    upstreams: { crm: { url: 'http://localhost:3002' } },
    routes: [{ path: '/api/crm/*', upstream: 'crm', ...route }],
    ...sections,
  });

const policy = { key: 'address', limit: 10, windowMs: 60_000 };

/** What is wrong, without where it stands. */
const problemsOf = (sections: Record<string, unknown>, route = {}) =>
  findingsOf({ file: file(sections, route) }).map((finding) => finding.replace(/^gateway\.yaml:\d+:\d+ /, ''));

describe('policies and plans', () => {
  it('are none by default, and then nothing is limited but by the environment', () => {
    const { gateway } = configOf();
    expect(gateway).toMatchObject({ policies: {}, plans: {}, addresses: { allow: [], deny: [] } });
    expect(gateway.routes[0]).toMatchObject({ limits: [], weight: 1 });
    expect(gateway.logins).toEqual({ accountField: 'email', maxPerAccount: 20 });
  });

  it('enforce, with fixed windows, and go on locally while Redis is away, unless told otherwise', () => {
    const { gateway } = configOf({ file: file({ policies: { burst: policy } }, { limits: ['burst'] }) });
    expect(gateway.policies.burst).toMatchObject({ algorithm: 'fixed', mode: 'enforce', onStoreError: 'local' });
  });

  it.each([
    [{}, { limits: ['burst'] }, 'routes[0].limits[0]: expected one of policies, got "burst"'],
    [{ policies: { a: policy } }, { limits: ['b'] }, 'routes[0].limits[0]: expected one of a, got "b"'],
    // Every object has one of that name.
    [
      { policies: { a: policy } },
      { limits: ['constructor'] },
      'routes[0].limits[0]: expected one of a, got "constructor"',
    ],
    [{ defaultPlan: 'constructor' }, {}, 'defaultPlan: expected one of plans, got "constructor"'],
    [{ policies: { a: policy } }, { limits: ['a', 'a'] }, 'routes[0].limits[1]: "a" is listed twice'],
    [
      { policies: { a: policy } },
      { limits: ['a'], weight: 11 },
      'routes[0].limits[0]: a request of weight 11 can never pass "a"',
    ],
    [
      { plans: { free: { limit: 50, windowMs: 60_000, monthlyQuota: 4 } } },
      { weight: 5 },
      'routes[0].weight: a request of weight 5 can never pass free',
    ],
    [{ policies: { a: { ...policy, burst: 5 } } }, {}, 'policies.a.burst: only a token-bucket has a burst'],
    [{ defaultPlan: 'free' }, {}, 'defaultPlan: expected one of plans, got "free"'],
    [
      { addresses: { deny: ['10.0.0.0/33'] } },
      {},
      'addresses.deny[0]: expected an address or a CIDR such as 10.0.0.0/8',
    ],
    [
      { policies: { user: policy } },
      {},
      'policies.user: expected a short lower-case name that no limit of the gateway has',
    ],
  ])('%j with a route %j is refused', (sections, route, problem) => {
    expect(problemsOf(sections, route)).toEqual([problem]);
  });
});

describe('where Redis is', () => {
  it('is read from lists of servers', () => {
    const { settings } = configOf({ environment: { REDIS_SENTINELS: 'a.example:26379, [2001:db8::1]:26380' } });
    expect(settings.REDIS_SENTINELS).toEqual([
      { host: 'a.example', port: 26_379 },
      { host: '2001:db8::1', port: 26_380 },
    ]);
    expect(settings).toMatchObject({ REDIS_SENTINEL_MASTER: 'mymaster', REDIS_TLS: false });
  });

  it.each(['a.example', 'a.example:0', 'a.example:70000', 'redis://a:1', 'a:1,'])('is not "%s"', (text) => {
    expect(findingsOf({ environment: { REDIS_CLUSTER_NODES: text } })).toEqual([
      expect.stringContaining('environment REDIS_CLUSTER_NODES: expected host:port'),
    ]);
  });

  it('is said once', () => {
    const environment = { REDIS_URL: 'redis://a.example', REDIS_CLUSTER_NODES: 'b.example:6379' };
    expect(findingsOf({ environment })).toEqual(['environment REDIS_CLUSTER_NODES: REDIS_URL is set too']);
  });
});
