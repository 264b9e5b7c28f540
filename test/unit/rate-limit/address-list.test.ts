import { describe, expect, it } from '@jest/globals';
import { addressList } from '../../../src/rate-limit/address-list.ts';

describe('addressList', () => {
  const isListed = addressList(['192.0.2.7', '10.0.0.0/8', '2001:db8::/32', '::1']);

  it.each(['192.0.2.7', '10.255.0.1', '2001:db8:1::1', '::1'])('has %s', (address) => {
    expect(isListed(address)).toBe(true);
  });

  it.each(['192.0.2.8', '11.0.0.1', '2001:db9::1', '::2', ''])('has not %j', (address) => {
    expect(isListed(address)).toBe(false);
  });

  it('has nobody when it is empty', () => {
    expect(addressList([])('192.0.2.7')).toBe(false);
  });
});
