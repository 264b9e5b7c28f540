import { describe, expect, it } from '@jest/globals';
import { withRefusalMemory } from '../../../src/rate-limit/with-refusal-memory.ts';

const limit = 2;

/** A counter whose window has so long to go, with a memory in front of it, and a clock to turn. */
function counting({ windowLeftMs = 60_000, answerTakesMs = 0 } = {}) {
  const asked: string[] = [];
  const hits = new Map<string, number>();
  let nowMs = 0;
  const increment = withRefusalMemory(
    async (key) => {
      asked.push(key);
      nowMs += answerTakesMs;
      const totalHits = (hits.get(key) ?? 0) + 1;
      hits.set(key, totalHits);
      return { totalHits, resetTime: new Date(Date.now() + windowLeftMs) };
    },
    { limit, clock: () => nowMs },
  );
  return {
    asked,
    increment,
    reset: (key: string) => hits.delete(key),
    pass: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    async refuse(key: string) {
      for (let hit = 0; hit <= limit; hit++) await increment(key);
      asked.length = 0;
    },
  };
}

describe('withRefusalMemory', () => {
  it('asks for every hit up to the limit, and for the first one over it', async () => {
    const { increment, asked } = counting();
    const hits = [];
    for (let hit = 1; hit <= 3; hit++) hits.push((await increment('a')).totalHits);
    expect(hits).toEqual([1, 2, 3]);
    expect(asked).toEqual(['a', 'a', 'a']);
  });

  it('answers further hits from memory, with the end of the window', async () => {
    const { increment, asked, refuse } = counting({ windowLeftMs: 60_000 });
    await refuse('a');
    const { totalHits, resetTime } = await increment('a');
    expect(totalHits).toBeGreaterThan(limit);
    expect(Math.abs((resetTime?.getTime() ?? 0) - Date.now() - 60_000)).toBeLessThan(1000);
    expect(asked).toEqual([]);
  });

  it('keeps apart who is over the limit and who is not', async () => {
    const { increment, asked, refuse } = counting();
    await refuse('a');
    expect((await increment('b')).totalHits).toBe(1);
    expect(asked).toEqual(['b']);
  });

  it('asks again after a second, so that a limit that was reset is noticed', async () => {
    const { increment, asked, refuse, reset, pass } = counting();
    await refuse('a');
    reset('a');
    pass(999);
    expect((await increment('a')).totalHits).toBeGreaterThan(limit);
    pass(1);
    expect((await increment('a')).totalHits).toBe(1);
    expect(asked).toEqual(['a']);
  });

  it('does not outlast the window, counted from before Redis was asked', async () => {
    const { increment, refuse, reset, pass } = counting({ windowLeftMs: 500, answerTakesMs: 50 });
    await refuse('a');
    reset('a');
    // 50 ms of the 500 have gone by while the answer was on its way.
    pass(449);
    expect((await increment('a')).totalHits).toBeGreaterThan(limit);
    pass(1);
    expect((await increment('a')).totalHits).toBe(1);
  });

  it('forgets the callers that it saw longest ago when there are more than 10,000', async () => {
    const { increment, asked, refuse } = counting();
    await refuse('first');
    for (let other = 0; other < 10_000; other++) await refuse(`other-${other}`);
    await increment('first');
    expect(asked).toEqual(['first']);
  });
});
