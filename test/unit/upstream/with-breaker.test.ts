import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type BreakerBench, breakerBench, times, wait } from '../../support/breaker-bench.ts';

let bench: BreakerBench;

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
afterEach(() => {
  bench.close();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('a closed breaker', () => {
  it('opens at the tenth call when exactly half of them failed', async () => {
    bench = breakerBench();
    await bench.calls(...times(5, 200), ...times(4, 500));
    expect(bench.report()).toMatchObject({ state: 'CLOSED', failures: 4, successes: 5 });
    await bench.calls(500);
    expect(bench.report()).toMatchObject({ state: 'OPEN', failures: 5, successes: 5, openings: 1 });
  });

  it('stays closed below half', async () => {
    bench = breakerBench();
    await bench.calls(...times(6, 200), ...times(5, 500));
    expect(bench.report().state).toBe('CLOSED');
  });

  it('opens when the call that completes the minimum is a success', async () => {
    bench = breakerBench();
    await bench.calls(...times(9, 500), 200);
    expect(bench.report().state).toBe('OPEN');
  });

  it('stays closed before the minimum, also when a success is among the failures', async () => {
    bench = breakerBench();
    await bench.calls(...times(8, 500), 200);
    expect(bench.report().state).toBe('CLOSED');
  });

  it('stays closed at nine failures out of nine', async () => {
    bench = breakerBench();
    await bench.calls(...times(9, 500));
    expect(bench.report().state).toBe('CLOSED');
  });

  it('forgets what is older than the window', async () => {
    bench = breakerBench();
    await bench.calls(...times(9, 500));
    await wait(11);
    await bench.calls(500);
    expect(bench.report()).toMatchObject({ state: 'CLOSED', failures: 1 });
  });

  it.each([500, 502, 503, 504])('counts %i as a failure, and hands it on as it is', async (status) => {
    bench = breakerBench();
    expect(await bench.calls(...times(10, status))).toEqual(times(10, String(status)));
    expect(bench.report().state).toBe('OPEN');
  });

  it.each([
    'upstream_connect_failed',
    'upstream_connect_timeout',
    'upstream_response_timeout',
    'upstream_reset',
    'upstream_protocol_error',
  ] as const)('counts %s as a failure', async (reason) => {
    bench = breakerBench();
    expect(await bench.calls(...times(10, reason))).toEqual(times(10, reason));
    expect(bench.report().state).toBe('OPEN');
  });

  it.each([200, 304, 400, 401, 404, 409, 429, 501])('counts %i as a success', async (status) => {
    bench = breakerBench();
    await bench.calls(...times(20, status));
    expect(bench.report()).toMatchObject({ state: 'CLOSED', failures: 0, successes: 20 });
  });

  it.each(['client_closed', 'body_too_large', 'invalid_request', 'overloaded', 'internal_error'] as const)(
    'counts %s neither way',
    async (reason) => {
      bench = breakerBench();
      await bench.calls(...times(100, reason));
      expect(bench.report()).toMatchObject({ state: 'CLOSED', failures: 0, successes: 0 });
    },
  );

  it('counts what its settings name, and nothing else', async () => {
    bench = breakerBench({ settings: { failureStatuses: [429] } });
    await bench.calls(...times(20, 500));
    expect(bench.report().state).toBe('CLOSED');
    await bench.calls(...times(20, 429));
    expect(bench.report().state).toBe('OPEN');
  });

  it('does not count calls that are under way: a thousand of them hide no failure', async () => {
    bench = breakerBench();
    const under = Array.from({ length: 1000 }, bench.begin);
    const slow = bench.pending.splice(0);
    await bench.calls(...times(10, 500));
    expect(bench.report().state).toBe('OPEN');
    for (const call of slow) call.answer(200);
    await Promise.all(under);
  });

  it('does not keep the latencies of calls, whose sorting would stall a storm of failures', async () => {
    bench = breakerBench({ settings: { minimumCalls: 100_000 } });
    const sort = jest.spyOn(Array.prototype, 'sort');
    await bench.calls(...times(50, 500));
    expect(sort).not.toHaveBeenCalled();
    // The window's own; snapshots would be another.
    expect(jest.getTimerCount()).toBe(1);
    sort.mockRestore();
  });
});

describe('a listener that throws', () => {
  it('changes no result and no state', async () => {
    bench = breakerBench({
      onChange: () => {
        throw new Error('the log is full');
      },
    });
    expect(await bench.calls(...times(10, 500))).toEqual(times(10, '500'));
    expect(bench.report().state).toBe('OPEN');
    await wait(30);
    expect(await bench.calls(200)).toEqual(['200']);
    expect(bench.report()).toMatchObject({ state: 'CLOSED', failures: 0 });
  });
});

describe('two breakers', () => {
  it('know nothing of each other', async () => {
    bench = breakerBench();
    const first = bench;
    await bench.open();
    bench = breakerBench();
    expect(await bench.calls(200)).toEqual(['200']);
    expect([first.report().state, bench.report().state]).toEqual(['OPEN', 'CLOSED']);
    first.close();
  });
});
