import { describe, expect, it } from '@jest/globals';
import { localCounter } from '../../../src/rate-limit/local-counter.ts';

const windowMs = 1000;

function counting({ share = 1 } = {}) {
  const time = { ms: 5000 };
  return { time, counter: localCounter({ windowMs, share, now: () => time.ms }) };
}

/** How many hits a limiter that refuses above `limit` would let pass. */
function passing(limit: number, share: number): number {
  const { counter } = counting({ share });
  return Array.from({ length: limit + 10 }, () => counter.increment('a').totalHits).filter((hits) => hits <= limit)
    .length;
}

describe('localCounter', () => {
  it('counts each key in a window that begins with its first hit', () => {
    const { time, counter } = counting();
    expect(counter.increment('a')).toEqual({ totalHits: 1, resetTime: new Date(6000) });
    time.ms = 5900;
    expect(counter.increment('a')).toEqual({ totalHits: 2, resetTime: new Date(6000) });
    expect(counter.increment('b')).toEqual({ totalHits: 1, resetTime: new Date(6900) });
    time.ms = 6000;
    expect(counter.increment('a')).toEqual({ totalHits: 1, resetTime: new Date(7000) });
  });

  it('looks without counting', () => {
    const { counter } = counting();
    expect(counter.get('a')).toBeUndefined();
    counter.increment('a');
    expect(counter.get('a')?.totalHits).toBe(1);
    expect(counter.get('a')?.totalHits).toBe(1);
  });

  it('goes on from what Redis last said, each hit as one per worker', () => {
    const { time, counter } = counting({ share: 2 });
    counter.learn('a', { totalHits: 90, resetAtMs: 7000 });
    expect(counter.increment('a')).toEqual({ totalHits: 92, resetTime: new Date(7000) });
    counter.learn('a', { totalHits: 95, resetAtMs: 7000 });
    expect(counter.increment('a').totalHits).toBe(97);
    time.ms = 7000;
    expect(counter.increment('a')).toEqual({ totalHits: 1, resetTime: new Date(8000) });
  });

  it('owes nobody more than there is when something is given back', () => {
    const { counter } = counting();
    counter.increment('a', { weight: -1 });
    expect(counter.increment('a').totalHits).toBe(1);
  });

  it.each([
    { limit: 100, share: 1, expected: 100 },
    { limit: 100, share: 2, expected: 50 },
    { limit: 100, share: 8, expected: 12 },
    { limit: 1000, share: 16, expected: 62 },
  ])('lets $expected of $limit pass when $share workers divide them', ({ limit, share, expected }) => {
    expect(passing(limit, share)).toBe(expected);
  });

  it('lets one pass even when there are more workers than the limit has requests', () => {
    expect(passing(5, 8)).toBe(1);
  });

  it('forgets the least recently seen of more than 50,000 keys, so strangers can not fill the memory', () => {
    const { counter } = counting();
    counter.increment('kept');
    counter.increment('forgotten');
    for (let index = 0; index < 49_998; index++) counter.increment(`stranger-${index}`);
    counter.increment('kept');
    counter.increment('one too many');
    expect(counter.get('forgotten')).toBeUndefined();
    expect(counter.get('kept')?.totalHits).toBe(2);
    expect(counter.get('stranger-49997')?.totalHits).toBe(1);
  });
});
