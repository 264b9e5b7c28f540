import { describe, expect, it } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { sharedSecretKeys } from '../../../src/auth/signing-keys.ts';
import { verifyToken } from '../../../src/auth/verify-token.ts';
import { Problem } from '../../../src/problem/problem.ts';

const [first, second, retired] = ['first', 'second', 'retired'].map((name) => name.padEnd(32, '-')) as [
  string,
  string,
  string,
];
const nowSeconds = 1_800_000_000;

const verify = verifyToken({
  keys: sharedSecretKeys([first, second]),
  issuer: 'psa-auth',
  audience: ['psa-api'],
  leewaySeconds: 5,
  now: () => nowSeconds * 1000,
});

/** A token of which everything is right, but for what is given. */
function token(claims: Record<string, unknown> = {}, secret: string = first): string {
  const right = { iss: 'psa-auth', aud: 'psa-api', sub: 'u', iat: nowSeconds, exp: nowSeconds + 60 };
  return jwt.sign(JSON.stringify({ ...right, ...claims }), secret);
}

function reasonFor(text: string): string {
  try {
    return `accepted ${verify(text).sub}`;
  } catch (error) {
    if (error instanceof Problem) return error.reason;
    throw error;
  }
}

describe('verifyToken', () => {
  it.each([
    ['the first secret', first, 'accepted u'],
    ['the second secret', second, 'accepted u'],
    ['a secret that is no longer listed', retired, 'token_signature_invalid'],
  ])('while secrets rotate, judges a token signed with %s', (_name, secret, expected) => {
    expect(reasonFor(token({}, secret))).toBe(expected);
  });

  it('says that a token of the second secret has expired, not that its signature is wrong', () => {
    expect(reasonFor(token({ exp: nowSeconds - 60 }, second))).toBe('token_expired');
  });

  it.each([
    [{ exp: nowSeconds - 4 }, 'accepted u'],
    [{ exp: nowSeconds - 5 }, 'token_expired'],
    [{ nbf: nowSeconds + 5 }, 'accepted u'],
    [{ nbf: nowSeconds + 6 }, 'token_not_yet_valid'],
    [{ iat: nowSeconds + 5 }, 'accepted u'],
    [{ iat: nowSeconds + 6 }, 'token_not_yet_valid'],
  ])('allows clocks to differ by five seconds: %j is %s', (claims, expected) => {
    expect(reasonFor(token(claims))).toBe(expected);
  });

  it.each([
    [{ aud: ['other', 'psa-api'] }],
    [{ sub: 'x'.repeat(255) }],
    [{ sub: '😀'.repeat(255) }],
    [{ sub: 'Zoë@example.com|7' }],
    [{ iat: undefined }],
  ])('accepts %j', (claims) => {
    expect(reasonFor(token(claims))).toMatch(/^accepted /);
  });
});
