import { describe, expect, it } from '@jest/globals';
import { secondsUntil } from '../../../src/rate-limit/limit-rate.ts';

describe('secondsUntil', () => {
  it.each([
    ['the end of a window', new Date(10_500), 1],
    ['one that has just ended', new Date(9000), 1],
    ['a window that nobody knows the end of', undefined, 60],
    ['one whose end was told before the clock was set back', new Date(999_000), 60],
  ])('says when to come back: %s', (_when, resetAt, seconds) => {
    expect(secondsUntil(resetAt, { windowMs: 60_000, now: 10_000 })).toBe(seconds);
  });
});
