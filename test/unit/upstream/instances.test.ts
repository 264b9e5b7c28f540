import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type RequestContext, setContext } from '../../../src/context.ts';
import type { Reason } from '../../../src/problem/catalog.ts';
import { Problem } from '../../../src/problem/problem.ts';
import { callOf, setCall } from '../../../src/upstream/call.ts';
import { instancesOf } from '../../../src/upstream/instances.ts';
import { markConnection } from '../../../src/upstream/is-stale.ts';
import { upstreamSettings } from '../../support/upstream-settings.ts';

type End = number | Error;

/** Instances with these names whose every answer the test gives, and a clock that stands still until it is moved. */
function instances(names: string, settings: Record<string, unknown> = {}) {
  let now = 1_000_000;
  let end: (origin: string) => End = () => 200;
  const told: string[] = [];
  const own = instancesOf({
    settings: upstreamSettings({ url: [...names].map((name) => `http://${name}`).join(','), ...settings }),
    wayTo: (origin) => ({
      underWay: () => 0,
      hasRoom: () => true,
      async forward() {
        const ended = end(origin);
        if (ended instanceof Error) throw ended;
        return { status: ended };
      },
    }),
    clock: () => now,
    random: () => 0,
    onChange: (instance, state) => told.push(`${instance} ${state}`),
  });
  const check = (name: string, isGood: boolean) =>
    own.all.find(({ origin }) => origin === `http://${name}`)?.health.checked(isGood);
  return {
    ...own,
    told,
    wait(ms: number) {
      now += ms;
    },
    endWith(next: (origin: string) => End) {
      end = next;
    },
    /** Three bad checks take an instance out. */
    takeOut(name: string) {
      for (let n = 0; n < 3; n++) check(name, false);
    },
    async request(tried: string[] = []) {
      const req = new IncomingMessage(new Socket());
      const upstream: { name: string; instance?: string } = { name: 'crm' };
      setContext(req, { upstream } as unknown as RequestContext);
      setCall(req, {
        body: { content: null, isWhole: () => true, isWaitingForClient: () => false },
        timeouts: { connectMs: 1, headMs: 1, idleMs: 1 },
        endsAt: Number.POSITIVE_INFINITY,
        tryMs: Number.POSITIVE_INFINITY,
        hasAnswerBegun: false,
        tried,
      });
      const outcome = await own.forward(req, new ServerResponse(req)).catch((error: unknown) => error);
      return { outcome, instance: upstream.instance, tried: callOf(req).tried };
    },
    states: () => own.report().map(({ state }) => state),
  };
}

const failing = (reason: Reason) => () => new Problem(reason);

async function times(count: number, work: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < count; n++) await work();
}

describe('the choice of an instance', () => {
  it('leaves out those that were tried, and takes one of them when there is no other', async () => {
    const own = instances('ab');
    const tried: string[] = [];
    expect(own.untried(tried)).toBe(2);
    const first = await own.request(tried);
    expect(own.untried(tried)).toBe(1);
    const second = await own.request(tried);
    expect(new Set([first.instance, second.instance])).toEqual(new Set(['http://a', 'http://b']));
    expect(own.untried(tried)).toBe(0);
    expect((await own.request(tried)).outcome).toEqual({ status: 200 });
    expect(tried).toHaveLength(3);
  });

  it('falls on the one that is left, whoever has the next turn', async () => {
    const own = instances('abc');
    for (let n = 0; n < 6; n++) expect((await own.request(['http://a', 'http://c'])).instance).toBe('http://b');
  });

  it('does not count those that are unwell among the untried', () => {
    const own = instances('ab', { healthCheck: { path: '/' } });
    own.takeOut('a');
    expect(own.untried([])).toBe(1);
    expect(own.untried(['http://b'])).toBe(0);
  });

  it('fails with no_healthy_upstream when all are unwell, and says when one may be back', async () => {
    const own = instances('ab', { healthCheck: { path: '/', intervalMs: 4000, healthyThreshold: 2 } });
    own.takeOut('a');
    own.takeOut('b');
    expect((await own.request()).outcome).toMatchObject({ reason: 'no_healthy_upstream', retryAfterSeconds: 8 });
  });

  it('tells of the soonest return, by an ejection that ends or by checks', async () => {
    const checked = { healthCheck: { path: '/', intervalMs: 4000 }, ejection: { maxEjectedPercent: 100 } };
    const own = instances('ab', checked);
    own.endWith(failing('upstream_reset'));
    await times(10, () => own.request());
    expect(own.states()).toEqual(['ejected', 'ejected']);
    own.wait(7500);
    expect((await own.request()).outcome).toMatchObject({ reason: 'no_healthy_upstream', retryAfterSeconds: 3 });
  });
});

describe('what counts against an instance', () => {
  it.each<[string, () => End, string]>([
    ['a reset', failing('upstream_reset'), 'ejected'],
    ['a refused connection', failing('upstream_connect_failed'), 'ejected'],
    ['no answer in time', failing('upstream_response_timeout'), 'ejected'],
    ['a 500', () => 500, 'ejected'],
    ['a 404 does not', () => 404, 'healthy'],
    ['a client that left does not', failing('client_closed'), 'healthy'],
    ['a body that was too long does not', failing('body_too_large'), 'healthy'],
    ['a fault of ours does not', () => new TypeError('ours'), 'healthy'],
  ])('%s', async (_what, end, state) => {
    const own = instances('ab');
    own.endWith((origin) => (origin === 'http://a' ? end() : 200));
    await times(20, () => own.request());
    expect(own.states()).toEqual([state, 'healthy']);
  });

  it('a connection that was stale before the request does not, and one that was made for it does', async () => {
    const own = instances('ab');
    const reset = (madeBeforeMs: number) => {
      const cause = new Error('reset');
      markConnection(cause, 1_000_000 - madeBeforeMs);
      return new Problem('upstream_reset', { cause });
    };
    own.endWith(() => reset(1));
    await times(40, () => own.request());
    expect(own.states()).toEqual(['healthy', 'healthy']);
    own.endWith(() => reset(0));
    await times(40, () => own.request());
    expect(own.states()).toContain('ejected');
  });
});

describe('ejections', () => {
  it.each([
    ['a', 50, 0],
    ['ab', 50, 1],
    ['abc', 50, 1],
    ['abcd', 50, 2],
    ['abcd', 0, 0],
    ['abcd', 75, 3],
    ['abcd', 100, 4],
  ])('of %p at %p percent are %p at most', async (names, maxEjectedPercent, count) => {
    const own = instances(names, { ejection: { maxEjectedPercent } });
    own.endWith(failing('upstream_reset'));
    await times(100, () => own.request());
    expect(own.states().filter((state) => state === 'ejected')).toHaveLength(count);
    expect(own.told).toHaveLength(count);
  });

  it('leave half of them together with checks', async () => {
    const own = instances('ab', { healthCheck: { path: '/' } });
    own.takeOut('a');
    own.endWith(failing('upstream_reset'));
    await times(20, () => own.request());
    expect(own.states()).toEqual(['unhealthy', 'healthy']);
  });
});

describe('the report', () => {
  it('tells the number, the state and the share of each', async () => {
    const own = instances('ab', { url: undefined, instances: [{ url: 'http://a', weight: 3 }, { url: 'http://b' }] });
    own.endWith((origin) => (origin === 'http://a' ? 500 : 200));
    await times(20, () => own.request());
    own.wait(10_000 + 5000);
    expect(own.report()).toEqual([
      { number: 1, state: 'healthy', weight: 3, part: 0.5, underWay: 0, ejections: 1 },
      { number: 2, state: 'healthy', weight: 1, part: 1, underWay: 0, ejections: 0 },
    ]);
    expect(JSON.stringify(own.report())).not.toContain('http');
  });
});
