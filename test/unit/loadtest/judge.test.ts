import { describe, expect, it } from '@jest/globals';
import { isPassed, judge } from '../../../loadtest/judge.ts';
import { figuresOf } from '../../../loadtest/measure/figures.ts';
import { profileSettings, type Targets } from '../../../loadtest/targets.ts';

const targets: Targets = {
  requests: { atLeast: 1000 },
  errorPercent: { below: 1 },
  meanMs: { below: 50 },
  p95Ms: { below: 200 },
  p99Ms: { below: 500 },
  throughput: { above: 100 },
  breakersOpenAtEnd: { atMost: 0 },
};
const good = {
  requests: 1000,
  errorPercent: 0.99,
  meanMs: 49.9,
  p95Ms: 199,
  p99Ms: 499,
  throughput: 100.1,
  breakersOpenAtEnd: 0,
};

describe('a run', () => {
  it('passes when every target is met', () => {
    expect(isPassed(judge(good, targets))).toBe(true);
  });

  it.each([
    ['requests', 999],
    ['errorPercent', 1],
    ['meanMs', 50],
    ['p95Ms', 200],
    ['p99Ms', 500],
    ['throughput', 100],
    ['breakersOpenAtEnd', 1],
    ['meanMs', Number.NaN],
    ['p99Ms', Number.POSITIVE_INFINITY],
    ['throughput', undefined],
    ['breakersOpenAtEnd', undefined],
  ] as const)('fails by %s alone when that is %s', (metric, value) => {
    const judgements = judge({ ...good, [metric]: value }, targets);
    expect(isPassed(judgements)).toBe(false);
    expect(judgements.filter(({ isMet }) => !isMet).map((judgement) => judgement.metric)).toEqual([metric]);
  });

  it('holds both bounds of a metric against it', () => {
    const between: Targets = { throughput: { above: 10, below: 20 } };
    expect([5, 10, 15, 20].map((throughput) => isPassed(judge({ throughput }, between)))).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  it('fails without any target', () => {
    expect(isPassed(judge(good, {}))).toBe(false);
  });

  it.each(Object.keys(profileSettings))('of %s fails when nothing was sent at all', (profile) => {
    const judgements = judge(figuresOf([]), profileSettings[profile]?.targets ?? {});
    expect(judgements.filter(({ isMet }) => isMet)).toEqual([]);
  });
});
