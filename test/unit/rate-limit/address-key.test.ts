import { describe, expect, it } from '@jest/globals';
import { addressKey } from '../../../src/rate-limit/address-key.ts';

describe('addressKey', () => {
  it.each([
    ['2001:db8:0:100::1', '2001:db8:0:1ff:ffff:ffff:ffff:ffff', 'in one /56'],
    ['::1', '::2', 'in one /56'],
    ['10.0.0.1', '10.0.0.1', 'the same IPv4 address'],
  ])('counts %s and %s as one: %s', (one, other) => {
    expect(addressKey(one)).toBe(addressKey(other));
  });

  it.each([
    ['2001:db8:0:100::1', '2001:db8:0:200::1', 'neighbouring /56 networks'],
    ['10.0.0.1', '10.0.0.2', 'two IPv4 addresses'],
  ])('counts %s and %s as two: %s', (one, other) => {
    expect(addressKey(one)).not.toBe(addressKey(other));
  });
});
