import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type BreakerBench, breakerBench, times, wait } from '../../support/breaker-bench.ts';

let bench: BreakerBench;

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
afterEach(() => {
  bench.close();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('an open breaker', () => {
  it('refuses at once with the seconds that are left, without a call', async () => {
    bench = breakerBench();
    await bench.open();
    await wait(12.5);
    const req = new IncomingMessage(new Socket());
    await expect(bench.forward(req, new ServerResponse(req))).rejects.toMatchObject({
      reason: 'breaker_open',
      status: 503,
      retryAfterSeconds: 18,
    });
    expect(bench.pending).toHaveLength(0);
    expect(bench.report()).toMatchObject({ state: 'OPEN', rejects: 1 });
  });

  it('is not closed by a success that began before it opened', async () => {
    bench = breakerBench();
    const early = bench.begin();
    const [call] = bench.pending.splice(0);
    await bench.open();
    call?.answer(200);
    await early;
    await wait(0);
    expect(bench.report().state).toBe('OPEN');
  });

  it('takes no result from before it opened for that of the trial', async () => {
    bench = breakerBench();
    const early = [bench.begin(), bench.begin()];
    const [good, bad] = bench.pending.splice(0);
    await bench.open();
    await wait(30);
    expect(bench.report().state).toBe('HALF_OPEN');
    good?.answer(200);
    bad?.answer(500);
    await Promise.all(early);
    await wait(0);
    expect(bench.report().state).toBe('HALF_OPEN');
  });
});

describe('a half-open breaker', () => {
  const halfOpen = async () => {
    bench = breakerBench();
    await bench.open();
    await wait(30);
    expect(bench.report().state).toBe('HALF_OPEN');
  };

  it('lets exactly one of many calls through', async () => {
    await halfOpen();
    const seen = Array.from({ length: 50 }, bench.begin);
    expect(bench.pending).toHaveLength(1);
    bench.pending.pop()?.answer(200);
    expect(await Promise.all(seen)).toEqual(['200', ...times(49, 'breaker_open')]);
  });

  it('closes when the trial succeeds, and tells every state it has been in', async () => {
    await halfOpen();
    expect(await bench.calls(404)).toEqual(['404']);
    expect(bench.report().state).toBe('CLOSED');
    expect(bench.changes).toEqual(['OPEN', 'HALF_OPEN', 'CLOSED']);
  });

  it('opens for the whole time again when the trial fails', async () => {
    await halfOpen();
    await bench.calls('upstream_response_timeout');
    expect(bench.report()).toMatchObject({ state: 'OPEN', openings: 2 });
    await wait(29);
    expect(await bench.calls(200)).toEqual(['breaker_open']);
    await wait(1);
    expect(await bench.calls(200)).toEqual(['200']);
  });

  it.each(['client_closed', 'body_too_large', 'overloaded'] as const)(
    'hands the trial to the next call when it ends with %s',
    async (reason) => {
      await halfOpen();
      await bench.calls(reason);
      expect(bench.report().state).toBe('HALF_OPEN');
      expect(await bench.calls(200)).toEqual(['200']);
      expect(bench.report().state).toBe('CLOSED');
    },
  );

  it('adds a trial when the first has said nothing for half a minute, so that no slow client keeps it half open', async () => {
    await halfOpen();
    const silent = bench.begin();
    const [stuck] = bench.pending.splice(0);
    await wait(29);
    expect(await bench.calls(200)).toEqual(['breaker_open']);
    await wait(1);
    expect(await bench.calls(200)).toEqual(['200']);
    expect(bench.report().state).toBe('CLOSED');
    stuck?.fail('upstream_reset');
    await silent;
  });

  it('forgets, once closed, the failures that had opened it', async () => {
    bench = breakerBench({ settings: { openSeconds: 1 } });
    await bench.open();
    await wait(1);
    await bench.calls(200);
    expect(bench.report()).toMatchObject({ state: 'CLOSED', failures: 0 });
    await bench.calls(...times(9, 500));
    expect(bench.report().state).toBe('CLOSED');
    await bench.calls(500);
    expect(bench.report()).toMatchObject({ state: 'OPEN', openings: 2 });
  });
});
