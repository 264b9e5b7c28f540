import { describe, expect, it } from '@jest/globals';
import { trendOf } from '../../../bench/soak/trend.ts';

const minutes = (valueAt: (seconds: number) => number) => ({
  name: 'memory',
  unit: 'MiB',
  tolerance: 10,
  points: Array.from({ length: 121 }, (_, index) => ({ seconds: index * 5, value: valueAt(index * 5) })),
});

describe('trendOf', () => {
  it('calls what stays as it is flat', () => {
    expect(trendOf(minutes(() => 200))).toMatchObject({ median: 200, growth: 0, allowed: 10, isFlat: true });
  });

  it('sees what grows all the time', () => {
    const { growth, isFlat } = trendOf(minutes((seconds) => 200 + seconds / 10));
    expect(growth).toBeCloseTo(30);
    expect(isFlat).toBe(false);
  });

  it('does not mind growth that ends before the second half', () => {
    expect(trendOf(minutes((seconds) => 200 + Math.min(seconds, 250))).isFlat).toBe(true);
  });

  it('is not misled by a saw that the collector of garbage cuts', () => {
    expect(trendOf(minutes((seconds) => 200 + (seconds % 40))).isFlat).toBe(true);
  });

  it('is not misled by a few bursts, also at the end', () => {
    expect(trendOf(minutes((seconds) => (seconds > 570 ? 900 : 200))).isFlat).toBe(true);
  });

  it('is not misled by garbage that piles up towards the end', () => {
    const { growth, isFlat } = trendOf(minutes((seconds) => 200 + (seconds % 30 === 0 ? 0 : seconds / 4)));
    expect({ growth, isFlat }).toEqual({ growth: 0, isFlat: true });
  });

  it('sees growth below a saw', () => {
    expect(trendOf(minutes((seconds) => 200 + (seconds % 40) + seconds / 10)).isFlat).toBe(false);
  });

  it('allows a twentieth of what is large', () => {
    expect(trendOf(minutes((seconds) => 1000 + seconds / 10))).toMatchObject({ isFlat: true });
    expect(trendOf(minutes((seconds) => 400 + seconds / 10))).toMatchObject({ isFlat: false });
  });

  it('calls what shrinks flat', () => {
    expect(trendOf(minutes((seconds) => 900 - seconds)).isFlat).toBe(true);
  });
});
