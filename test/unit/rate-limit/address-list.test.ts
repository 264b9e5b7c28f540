import { describe, expect, it } from '@jest/globals';
import { addressList } from '../../../src/rate-limit/address-list.ts';

describe('addressList', () => {
  const isListed = addressList(['192.0.2.7', '10.0.0.0/8', '2001:db8::/32', '::1', '10.1.0.0/16', 'fe80::%eth0/10']);

  it.each(['192.0.2.7', '10.255.0.1', '10.1.0.1', '2001:db8:1::1', '::1', 'fe80::1%eth0', 'fe80::2'])(
    'has %s',
    (address) => {
      expect(isListed(address)).toBe(true);
    },
  );

  it.each(['192.0.2.8', '11.0.0.1', '2001:db9::1', '::2', '', 'unknown'])('has not %j', (address) => {
    expect(isListed(address)).toBe(false);
  });

  it.each([
    ['::/0', '2001:db8::1', '192.0.2.1'],
    ['::/8', '::1', '192.0.2.1'],
    ['0.0.0.0/0', '192.0.2.1', '2001:db8::1'],
    ['::ffff:10.0.0.0/104', '10.1.2.3', '11.0.0.1'],
    ['::FFFF:a00:1', '10.0.0.1', '10.0.0.2'],
    ['10.9.9.9/8', '10.1.2.3', '11.0.0.1'],
  ])('takes %s for what people mean by it: %s, and not %s', (range, listed, other) => {
    expect([listed, other].map(addressList([range]))).toEqual([true, false]);
  });

  it('has nobody when it is empty', () => {
    expect(addressList([])('192.0.2.7')).toBe(false);
  });
});
