import { describe, expect, it } from '@jest/globals';
import { pseudonyms } from '../../../src/audit/pseudonyms.ts';

const secret = 'test-only-secret-of-more-than-32-bytes';

describe('pseudonyms', () => {
  it('gives the same text the same name, in every worker', () => {
    expect(pseudonyms(secret)('203.0.113.9')).toBe(pseudonyms(secret)('203.0.113.9'));
  });

  it('gives each text, and under each secret, another one', () => {
    const names = [
      pseudonyms(secret)('203.0.113.9'),
      pseudonyms(secret)('203.0.113.10'),
      pseudonyms(`${secret}!`)('203.0.113.9'),
    ];
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[\w-]{16}$/);
  });
});
