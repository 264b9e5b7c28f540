import { describe, expect, it } from '@jest/globals';
import { type Measured, openLoopRows, saturationRows } from '../../../bench/modes/rows.ts';
import { visitors } from '../../../bench/modes/visitors.ts';

const one = (contender: string, cpu: number, more: Partial<Measured> = {}): Measured => ({
  contender,
  workers: 1,
  kind: 'saturation',
  payload: '200 B',
  figures: {
    requests: 100,
    requestsPerSecond: 10 * cpu,
    ...{ cpu, cpuUser: cpu - 1, cpuSystem: 1, megabytesPerCpuSecond: 5 },
    ...{ p50: 1, p95: 2, p99: 3, p999: 4 },
  },
  ...more,
});

describe('saturationRows', () => {
  it('has a row for each contender, body and number of workers, with medians and the range of the rounds', () => {
    const measured = [
      one('gateway', 10),
      one('express', 50),
      one('gateway', 30),
      one('gateway', 20),
      one('gateway', 90, { workers: 2 }),
      one('gateway', 70, { payload: '1 MiB' }),
      one('gateway', 60, { kind: 'open loop' }),
    ];
    const rows = saturationRows(measured);
    expect(rows.map(({ contender, workers, payload, cpu }) => [contender, workers, payload, cpu])).toEqual([
      ['gateway', 1, '200 B', 20],
      ['express', 1, '200 B', 50],
      ['gateway', 2, '200 B', 90],
      ['gateway', 1, '1 MiB', 70],
    ]);
    expect(rows[0]).toMatchObject({ cpuLeast: 10, cpuMost: 30, requestsPerSecond: 200 });
  });
});

describe('openLoopRows', () => {
  it('takes only what was measured at a fixed rate', () => {
    const measured = [one('gateway', 10), one('gateway', 60, { kind: 'open loop' })];
    expect(openLoopRows(measured)).toMatchObject([{ contender: 'gateway', cpu: 60, perSecond: 1000, p99: 3 }]);
  });
});

describe('visitors', () => {
  it('lets each user send its requests, and never come back', () => {
    const next = visitors(10);
    const seen = new Map<number, number[]>();
    for (let request = 0; request < 50_000; request++) {
      const user = next();
      seen.set(user, [...(seen.get(user) ?? []), request]);
    }
    const ofAll = [...seen].filter(([user]) => user > 1000 && user < 4000).map(([, requests]) => requests);
    expect(new Set(ofAll.map(({ length }) => length))).toEqual(new Set([10]));
    const spans = ofAll.map((requests) => (requests.at(-1) ?? 0) - (requests[0] ?? 0));
    expect(Math.min(...spans)).toBeGreaterThan(5000);
    expect(Math.max(...spans)).toBeLessThanOrEqual(10_000);
  });
});
