import { describe, expect, it } from '@jest/globals';
import { adaptiveLimit } from '../../../src/upstream/adaptive-limit.ts';
import { over, simulate } from '../../support/overload-simulation.ts';

const MAX = 256;

/** Limits of workers that share a service, and the time of day. Each has begun at another moment. */
const workers = (count: number) => (now: () => number) =>
  Array.from({ length: count }, (_, index) =>
    adaptiveLimit({ settings: { min: 10, tolerance: 2 }, max: MAX, time: { clock: () => now() + index * 610, now } }),
  );
const withoutAdaption = () => [
  { admits: (underWay: number) => underWay < MAX, record: () => undefined, current: () => MAX },
];

/** Times that scatter as those of real services do: many short ones, a few long ones. */
const scattered = (meanMs: number) => (lot: number) => -Math.log(1 - lot) * meanMs;
const overload =
  ({ from, until }: { from: number; until: number }, usual: number, much: number) =>
  (atMs: number) =>
    atMs >= from * 1000 && atMs < until * 1000 ? much : usual;

describe('a service that works on 20 requests of 50 ms at a time, offered three times as much for a minute', () => {
  const situation = {
    parallel: 20,
    workMs: ({ lot }: { lot: number }) => scattered(50)(lot),
    perSecond: overload({ from: 10, until: 70 }, 200, 1200),
    seconds: 90,
  };
  const report = simulate({ ...situation, limits: workers(1) });

  it('does as much as it can, without a queue', () => {
    expect(over(report, 10, 70).servedPerSecond).toBeGreaterThan(0.95 * 400);
    expect(over(report, 15, 70).medianMs).toBeLessThan(150);
    expect(over(simulate({ ...situation, limits: withoutAdaption }), 15, 70).medianMs).toBeGreaterThan(500);
  });

  it('is given no less than it can work on', () => {
    expect(over(report, 10, 70).leastLimit).toBeGreaterThan(20);
  });

  it('has its whole limit again ten seconds later, and nobody is refused meanwhile', () => {
    expect(over(report, 79, 80).limitAtEnd).toBe(MAX);
    expect(over(report, 71, 90)).toMatchObject({ refused: 0, timedOut: 0 });
  });

  it.each([2, 4])('does as much for %i workers that do not know of each other', (count) => {
    const shared = simulate({ ...situation, parallel: 40, perSecond: () => 2400, seconds: 30, limits: workers(count) });
    expect(over(shared, 0, 30).servedPerSecond).toBeGreaterThan(0.95 * 800);
    expect(over(shared, 15, 30).medianMs).toBeLessThan(300);
  });

  it('does as much when a worker starts in the middle of it', () => {
    const started = simulate({ ...situation, perSecond: () => 1200, seconds: 40, limits: workers(1) });
    expect(over(started, 10, 40).servedPerSecond).toBeGreaterThan(0.95 * 400);
  });

  it('does as much after two minutes of it', () => {
    const long = simulate({ ...situation, perSecond: () => 1200, seconds: 120, limits: workers(1) });
    expect(over(long, 90, 120).servedPerSecond).toBeGreaterThan(0.95 * 400);
    expect(over(long, 90, 120).medianMs).toBeLessThan(200);
  });
});

describe('a service that is so slow that its queue would be longer than the patience of the gateway', () => {
  const situation = {
    parallel: 5,
    workMs: () => 1000,
    perSecond: overload({ from: 20, until: 300 }, 2, 15),
    seconds: 200,
  };

  it('comes to serve as much as it can', () => {
    const { servedPerSecond, timedOut } = over(simulate({ ...situation, limits: workers(1) }), 110, 200);
    expect(servedPerSecond).toBeGreaterThan(0.95 * 5);
    expect(timedOut).toBe(0);
  });

  it('serves nobody at all with a fixed limit', () => {
    expect(over(simulate({ ...situation, limits: withoutAdaption }), 110, 200).servedPerSecond).toBe(0);
  });
});

describe('a service that is slow without being busy', () => {
  const situation = { parallel: Number.POSITIVE_INFINITY, perSecond: () => 400, limits: workers(1), seconds: 60 };

  it('loses little and for a moment when it becomes five times slower', () => {
    const workMs = ({ atMs, lot }: { atMs: number; lot: number }) => (atMs < 20_000 ? 100 : 500) * (0.5 + lot);
    const report = simulate({ ...situation, workMs });
    expect(over(report, 0, 20).refused).toBe(0);
    expect(over(report, 20, 30).servedPerSecond).toBeGreaterThan(0.7 * 400);
    expect(over(report, 30, 60).refused).toBe(0);
    expect(over(report, 30, 60).limitAtEnd).toBe(MAX);
  });

  it('keeps its limit while some requests of each kind take very long', () => {
    const workMs = ({ lot }: { lot: number }) => (lot < 0.15 ? 3000 : 20);
    const perSecond = overload({ from: 20, until: 60 }, 100, 500);
    const report = simulate({ ...situation, workMs, perSecond });
    expect(over(report, 0, 60).leastLimit).toBe(MAX);
  });

  it('keeps its limit when more of its requests are of a slow kind than before', () => {
    const workMs = ({ kind, lot }: { kind: string; lot: number }) => (kind === 'reports' ? 2000 : 20) * (0.5 + lot);
    let requests = 0;
    // From a tenth to two thirds of all.
    const kindOf = (lot: number) => (lot < (requests++ < 4000 ? 0.1 : 0.6) ? 'reports' : 'lists');
    const report = simulate({ ...situation, workMs, kindOf, perSecond: () => 180 });
    expect(over(report, 0, 60).leastLimit).toBe(MAX);
    expect(over(report, 30, 60).medianMs).toBeGreaterThan(1000);
  });
});

describe('a limit', () => {
  it('goes back to its maximum while there is nothing to do', () => {
    const perSecond = (atMs: number) => (atMs < 10_000 ? 200 : atMs < 30_000 ? 1200 : atMs < 60_000 ? 0 : 200);
    const workMs = ({ lot }: { lot: number }) => scattered(50)(lot);
    const report = simulate({ limits: workers(1), parallel: 20, workMs, perSecond, seconds: 62 });
    expect(over(report, 29, 30).limitAtEnd).toBeLessThan(80);
    expect(over(report, 60, 61).limitAtEnd).toBe(MAX);
  });

  it('never falls below its minimum, nor below its maximum if that is less', () => {
    const situation = {
      parallel: 1,
      workMs: () => 100,
      perSecond: overload({ from: 5, until: 60 }, 5, 200),
      seconds: 60,
    };
    expect(over(simulate({ ...situation, limits: workers(1) }), 30, 60).leastLimit).toBe(10);
    const settings = { min: 10, tolerance: 2 };
    const small = (clock: () => number) => [adaptiveLimit({ settings, max: 4, time: { clock, now: clock } })];
    expect(over(simulate({ ...situation, limits: small }), 30, 60).leastLimit).toBe(4);
  });
});
