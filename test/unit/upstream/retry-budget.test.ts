import { describe, expect, it } from '@jest/globals';
import { retryBudget } from '../../../src/upstream/retry-budget.ts';

function budget({ percent = 20, minimum = 3 } = {}) {
  let now = 5_000_000;
  const own = retryBudget({ percent, minimum, clock: () => now });
  return {
    ...own,
    wait(seconds: number) {
      now += seconds * 1000;
    },
    requests(count: number) {
      for (let n = 0; n < count; n++) own.deposit();
    },
    /** How many tries it gives before it is empty. */
    empty() {
      let count = 0;
      while (own.withdraw()) count++;
      return count;
    },
  };
}

describe('the retry budget', () => {
  it.each([
    [20, 1000, 200],
    [20, 1004, 200],
    [20, 1005, 201],
    [10, 1000, 100],
    [12.5, 1000, 125],
    [100, 1000, 1000],
  ])('is %p percent of %p requests: %p tries', (percent, requests, tries) => {
    const own = budget({ percent });
    own.requests(requests);
    expect(own.empty()).toBe(tries);
    expect(own.hasLeft()).toBe(false);
  });

  it.each([0, 1, 14])('gives its minimum when there are few requests (%p)', (requests) => {
    const own = budget();
    own.requests(requests);
    expect(own.empty()).toBe(3);
  });

  it('gives nothing of its own with no percentage and no minimum', () => {
    const own = budget({ percent: 0, minimum: 0 });
    own.requests(1000);
    expect(own.hasLeft()).toBe(false);
    expect(own.withdraw()).toBe(false);
  });

  it('says whether there is something left without taking it', () => {
    const own = budget({ percent: 0, minimum: 1 });
    expect([own.hasLeft(), own.hasLeft(), own.withdraw(), own.hasLeft()]).toEqual([true, true, true, false]);
  });

  it('forgets requests and tries after ten seconds', () => {
    const own = budget();
    own.requests(100);
    expect(own.empty()).toBe(20);
    own.wait(5);
    own.requests(100);
    expect(own.empty()).toBe(20);
    own.wait(5);
    // The first hundred and their tries are gone, the second hundred have used theirs.
    expect(own.empty()).toBe(0);
    own.wait(5);
    expect(own.empty()).toBe(3);
  });

  it('forgets all of them after a long pause, however the seconds fall', () => {
    for (const pause of [10, 11, 19, 20, 25, 3600, 100_000]) {
      const own = budget({ minimum: 0 });
      own.requests(100);
      own.wait(pause);
      expect(own.empty()).toBe(0);
      own.requests(10);
      expect(own.empty()).toBe(2);
    }
  });

  it('keeps tries at a fifth of the requests of a steady stream, second by second', () => {
    const own = budget();
    let tries = 0;
    for (let second = 0; second < 60; second++) {
      own.requests(50);
      tries += own.empty();
      own.wait(1);
    }
    expect(tries).toBeLessThanOrEqual(60 * 50 * 0.2 + 3);
    expect(tries).toBeGreaterThan(60 * 50 * 0.19);
  });
});
