import { describe, expect, it } from '@jest/globals';
import { keySlot, spreadKeys } from '../../../src/redis/key-slot.ts';

describe('keySlot', () => {
  // As `CLUSTER KEYSLOT` of Redis 7 says.
  it.each([
    ['123456789', 12_739],
    ['foo', 12_182],
    ['foo{bar}', 5061],
    ['bar', 5061],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', 4015],
    ['', 0],
  ])('of %j is %i', (key, slot) => {
    expect(keySlot(key)).toBe(slot);
  });
});

describe('spreadKeys', () => {
  it('has a key in every sixty-fourth of the slots', () => {
    const slots = spreadKeys('psa:probe').map(keySlot);
    expect(new Set(slots.map((slot) => Math.floor(slot / 256))).size).toBe(64);
  });
});
