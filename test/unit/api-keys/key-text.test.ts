import { describe, expect, it } from '@jest/globals';
import { hashOfSecret, keyOf, newKeyId, newSecret, textOfKey } from '../../../src/api-keys/key-text.ts';

const id = '0123456789abcdef';
const secret = `${'a_b-'.repeat(10)}xyz`;

describe('the text of a key', () => {
  it('is read as it is written', () => {
    expect(textOfKey({ id, secret })).toBe(`psa_${id}_${secret}`);
    expect(keyOf(textOfKey({ id, secret }))).toEqual({ id, secret });
    const fresh = { id: newKeyId(), secret: newSecret() };
    expect(keyOf(textOfKey(fresh))).toEqual(fresh);
  });

  it.each(['', 'psa_', `psa_${id}`, `psa_${id}_`, `psa_${id}_${secret}x`, `psa_${id.toUpperCase()}_${secret}`])(
    'is nothing else: %j',
    (text) => {
      expect(keyOf(text)).toBeUndefined();
    },
  );

  it('has another secret each time, of 256 bits, and is kept as SHA-256', () => {
    const secrets = new Set(Array.from({ length: 1000 }, newSecret));
    expect(secrets.size).toBe(1000);
    expect(Buffer.from(newSecret(), 'base64url')).toHaveLength(32);
    expect(hashOfSecret('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});
