import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { gatewayFileSchema, type UpstreamSettings } from '../../../src/config/schema.ts';
import { type RequestContext, setContext } from '../../../src/context.ts';
import { Problem } from '../../../src/problem/problem.ts';
import { noBody } from '../../../src/upstream/bounded-body.ts';
import { setCall } from '../../../src/upstream/call.ts';
import type { Forward, Outcome } from '../../../src/upstream/forward.ts';
import { withConcurrencyLimit } from '../../../src/upstream/with-concurrency-limit.ts';

function settingsOf(upstream: Record<string, unknown>): UpstreamSettings {
  const { upstreams } = gatewayFileSchema.parse({
    upstreams: { crm: { url: 'http://crm:1', ...upstream } },
    routes: [{ path: '/x', upstream: 'crm' }],
  });
  return upstreams.crm as UpstreamSettings;
}

interface Service {
  readonly isLate?: boolean;
  /** How each request ends once the service has become slow. */
  readonly end?: () => Outcome;
}

/** The limit of 32 after a service that answers within 50 ms has taken 20 requests at a time, ten times as long, for a while. */
async function limitAfterSlowness({ isLate = false, end = () => ({ status: 200 }) }: Service): Promise<number> {
  let now = 0;
  const finishers: (() => void)[] = [];
  const forward: Forward = () =>
    new Promise((resolve, reject) => {
      finishers.push(() => {
        try {
          resolve(now < 5000 ? { status: 200 } : end());
        } catch (error) {
          reject(error);
        }
      });
    });
  const limit = withConcurrencyLimit(forward, {
    settings: settingsOf({ maxConnections: 32 }),
    time: { clock: () => now, now: () => now },
    isLate: () => isLate,
  });
  const batch = async (count: number, latencyMs: number) => {
    const ends = Array.from({ length: count }, () => {
      const req = new IncomingMessage(new Socket());
      const res = new ServerResponse(req);
      setContext(req, { upstream: { name: 'crm' } } as unknown as RequestContext);
      setCall(req, { body: noBody(req) } as Parameters<typeof setCall>[1]);
      return limit.forward(req, res).catch((error: unknown) => error);
    });
    now += latencyMs;
    for (const finish of finishers.splice(0)) finish();
    await Promise.all(ends);
  };
  while (now < 5000) await batch(5, 50);
  for (let n = 0; n < 4; n++) await batch(20, 500);
  return limit.report().limit;
}

describe('the limit of an upstream', () => {
  it('falls while its requests take a multiple of what they usually take', async () => {
    expect(await limitAfterSlowness({})).toBeLessThan(20);
  });

  it('falls when requests are given up', async () => {
    const end = () => {
      throw new Problem('upstream_response_timeout');
    };
    expect(await limitAfterSlowness({ end })).toBeLessThan(20);
  });

  it('does not fall for times that a late worker has measured', async () => {
    expect(await limitAfterSlowness({ isLate: true })).toBe(32);
  });

  it('does not fall for the times of failures', async () => {
    expect(await limitAfterSlowness({ end: () => ({ status: 503 }) })).toBe(32);
    const end = () => {
      throw new Problem('upstream_reset');
    };
    expect(await limitAfterSlowness({ end })).toBe(32);
  });

  it.each([
    ['the connections of all instances', { url: 'http://a:1,http://b:1', maxConnections: 10 }, 20],
    ['what is set', { maxConnections: 100, concurrency: { max: 30 } }, 30],
    ['the connections, if more is set', { maxConnections: 10, concurrency: { max: 30 } }, 10],
    ['the same without adaption', { maxConnections: 100, concurrency: { max: 30, adaptive: false } }, 30],
  ])('begins as %s', (_, upstream, expected) => {
    const time = { clock: () => 0, now: () => 0 };
    const forward: Forward = async () => ({ status: 200 });
    const limit = withConcurrencyLimit(forward, { settings: settingsOf(upstream), time, isLate: () => false });
    expect(limit.report()).toEqual({ limit: expected, underWay: 0 });
  });
});
