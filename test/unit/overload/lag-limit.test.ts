import { describe, expect, it } from '@jest/globals';
import { lagLimit } from '../../../src/overload/lag-limit.ts';

const late = { lagMs: 80, utilisation: 1, underWay: 500 };
const busy = { lagMs: 5, utilisation: 1, underWay: 500 };
const idle = { lagMs: 1, utilisation: 0.3, underWay: 10 };
const spare = { lagMs: 1, utilisation: 0.9, underWay: 300 };

/** The limit after these looks. */
function limitAfter(looks: readonly (typeof late)[], { maxRequests = 2000 } = {}) {
  const limit = lagLimit({ maxRequests, maxLagMs: 50 });
  for (const look of looks) limit.look(look);
  return limit.current();
}

describe('the limit of a worker', () => {
  it('is what is set as long as the event loop comes in time, however busy it is', () => {
    expect(limitAfter([idle, busy, busy, busy, busy, busy, spare])).toBe(2000);
  });

  it('does not fall for one or two late looks, as a garbage collection makes them', () => {
    expect(limitAfter([late, late, busy, late, late, idle, late, late])).toBe(2000);
  });

  it('falls below what is under way at the third late look in a row, and further while they go on', () => {
    expect(limitAfter([late, late, late])).toBe(350);
    expect(limitAfter([late, late, late, late])).toBe(244);
  });

  it('falls on, gently, while there is no time to spare', () => {
    expect(limitAfter([late, late, late, busy])).toBe(315);
  });

  it('never falls below 64, nor below what is set if that is less', () => {
    const looks = Array.from({ length: 50 }, () => late);
    expect(limitAfter(looks)).toBe(64);
    expect(limitAfter(looks, { maxRequests: 20 })).toBe(20);
  });

  it('rises by a tenth while there is time to spare', () => {
    expect(limitAfter([late, late, late, spare])).toBe(386);
    expect(limitAfter([late, late, late, ...Array.from({ length: 30 }, () => spare)])).toBe(2000);
  });

  it('is what is set again once less than half of it is needed', () => {
    expect(limitAfter([late, late, late, idle])).toBe(2000);
  });
});
