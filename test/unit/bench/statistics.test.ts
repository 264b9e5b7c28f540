import { describe, expect, it } from '@jest/globals';
import { median, medians, percentilesOf, quantile, rounded } from '../../../bench/measure/statistics.ts';

describe('median', () => {
  it.each([
    [[3], 3],
    [[5, 1, 9], 5],
    [[10, 1, 9, 2], 5.5],
    [[100, 9, 10], 10],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('of nothing is no number', () => {
    expect(median([])).toBeNaN();
  });
});

describe('quantile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

  it.each([
    [0.5, 50],
    [0.99, 99],
    [0.999, 100],
    [1, 100],
    [0, 1],
  ])('of 1 to 100 at %d is %d', (share, expected) => {
    expect(quantile(hundred, share)).toBe(expected);
  });
});

describe('percentilesOf', () => {
  it('takes latencies in any order', () => {
    const latencies = Float64Array.from({ length: 1000 }, (_, index) => 1000 - index);
    expect(percentilesOf(latencies)).toEqual({ p50: 500, p95: 950, p99: 990, p999: 999 });
  });
});

describe('medians', () => {
  it('takes each figure by itself', () => {
    const samples = [
      { cpu: 1, p50: 30 },
      { cpu: 3, p50: 10 },
      { cpu: 2, p50: 20 },
    ];
    expect(medians(samples)).toEqual({ cpu: 2, p50: 20 });
  });
});

describe('rounded', () => {
  it('keeps four significant digits', () => {
    expect([rounded(123.456), rounded(0.00123456)]).toEqual([123.5, 0.001235]);
  });
});
