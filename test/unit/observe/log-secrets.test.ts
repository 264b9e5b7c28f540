import { describe, expect, it } from '@jest/globals';
import { masked, scrubbed } from '../../../src/observe/log-secrets.ts';
import { quickest } from '../../support/quickest.ts';

/** Ten times what it takes; in proportion to the square of the length it would be several seconds. */
const LINEAR_MS = 1500;

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl';

describe('masked', () => {
  it.each([
    '/a',
    '/a?b=c&d=e',
    '/a?token',
    '/a?b=token',
    '/api/v1/auth/login?next=/home',
    '/tokens/42?limit=10&offset=20',
    '/a?filter=assigned&sort=-shipping',
    '/a?b=%20c',
    '/a%20b',
    '/a?email=ada@example.com',
    '/a?at=12:30',
  ])('keeps %s', (target) => {
    expect(masked(target)).toBe(target);
  });

  it.each([
    ['/a?token=S', '/a?token=***'],
    ['/a?b=c&access_token=S&d=e', '/a?b=c&access_token=***&d=e'],
    ['/a?Refresh-Token=S', '/a?Refresh-Token=***'],
    ['/a?PASSWORD=S', '/a?PASSWORD=***'],
    ['/a?new_passwd=S', '/a?new_passwd=***'],
    ['/a?pwd=S', '/a?pwd=***'],
    ['/a?client_secret=S', '/a?client_secret=***'],
    ['/a?api-key=S', '/a?api-key=***'],
    ['/a?code=S&state=x', '/a?code=***&state=x'],
    ['/a?session=S', '/a?session=***'],
    ['/a?PHPSESSID=S', '/a?PHPSESSID=***'],
    ['/a?connect.sid=S', '/a?connect.sid=***'],
    ['/a?X-Amz-Signature=S', '/a?X-Amz-Signature=***'],
    ['/a?sig=S', '/a?sig=***'],
    ['/a?pin=S', '/a?pin=***'],
    ['/a?token=', '/a?token=***'],
    ['/a?token=S=S', '/a?token=***'],
    ['/a?token=S?S', '/a?token=***'],
    ['/a?token=S;S/S#S', '/a?token=***'],
    ['/a?token=S%26S', '/a?token=***'],
    ['/a?b?token=S', '/a?b?token=***'],
  ])('by the name of a parameter: %s becomes %s', (target, kept) => {
    expect(masked(target)).toBe(kept);
  });

  it.each([
    ['/a?user[password]=S', '/a?user[password]=***'],
    ['/a?user%5Bpassword%5D=S', '/a?user%5Bpassword%5D=***'],
    ['/a?%74oken=S', '/a?%74oken=***'],
    ['/a?%54%4F%4b%45%4E=S', '/a?%54%4F%4b%45%4E=***'],
    ['/a?%2574oken=S', '/a?%2574oken=***'],
    ['/a?token%3DS', '/a?token=***'],
    ['/a?%zz%74oken=S', '/a?%zz%74oken=***'],
    ['/a%3Ftoken=S', '/a%3Ftoken=***'],
    ['/a?b=c;token=S;d=e', '/a?b=***'],
    ['/a;token=S', '/a;token=***'],
    ['/a/token=S/b', '/a/token=***'],
    ['/a#access_token=S', '/a#access_token=***'],
    ['/a?next=https%3A%2F%2Fx%2F%3Ftoken%3DS', '/a?next=***'],
    ['/a?next=/b?token=S', '/a?next=***'],
    ['/a?q={"password":"S"}', '/a?q=***'],
    ['/a?q=%7B%22password%22%3A%22S%22%7D', '/a?q=***'],
  ])('however it is written: %s becomes %s', (target, kept) => {
    expect(masked(target)).toBe(kept);
  });

  it.each([
    [`/a/${jwt}/b`, '/a/***/b'],
    [`/a?x=${jwt}`, '/a?x=***'],
    [`/a?${jwt}`, '/a?***'],
    ['/a?h=Bearer%20S', '/a?h=***'],
    ['/a?h=Basic+S', '/a?h=***'],
    ['//user:S@host/a', '//***@host/a'],
    ['/a?u=https://user:S@host/', '/a?u=***'],
    ['/a?u=https%3A%2F%2Fuser%3AS%40host', '/a?u=***'],
  ])('by what the value looks like: %s becomes %s', (target, kept) => {
    expect(masked(target)).toBe(kept);
  });

  it('cuts what is longer than a line should hold, secrets included', () => {
    expect(masked(`/a?token=${'s'.repeat(5000)}`)).toBe('/a?token=***');
    expect(masked(`/${'a'.repeat(5000)}`)).toMatch(/^\/a{2047}…$/);
  });

  it.each([
    '?token',
    '&key',
    'token',
    '?',
    '=',
    '?key=',
    'keykey;',
    '?eyJ',
    'eyJ',
    '//',
    '//@',
    '%',
    '%25',
    '=%3D&',
    '/',
  ])('takes time in proportion to the length: %s', async (part) => {
    const target = `/?${part.repeat(4000)}`;
    const tookMs = await quickest(LINEAR_MS, () => {
      for (let count = 0; count < 20; count++) masked(target);
    });
    expect(tookMs).toBeLessThan(LINEAR_MS);
  });
});

describe('scrubbed', () => {
  it.each([
    'connect ECONNREFUSED 127.0.0.1:3002',
    'TypeError: Cannot read properties of undefined\n    at file:///app/dist/auth/verify-token.js:10:5',
    'WRONGPASS invalid username-password pair or user is disabled.',
    '/a?limit=10&sort=name',
  ])('keeps %j', (text) => {
    expect(scrubbed(text)).toBe(text);
  });

  it.each([
    [`invalid header: Authorization: Bearer ${jwt}`, 'invalid header: Authorization: Bearer ***'],
    ['got basic dXNlcjpTRUNSRVQ=', 'got basic ***'],
    [`token ${jwt} refused`, 'token *** refused'],
    ['connect to redis://:S3CRET@redis:6379 failed', 'connect to redis://***@redis:6379 failed'],
    ['GET /a?access_token=S3CRET&b=c', 'GET /a?access_token=***&b=c'],
    ['{"password":"S3CRET","a":1}', '{"password":"***","a":1}'],
    ['Set-Cookie: sid=S3CRET; Path=/', 'Set-Cookie: ***'],
    ['Cookie: a=S3CRET; b=S3CRET\nHost: x', 'Cookie: ***\nHost: x'],
    ['x-api-key: S3CRET', 'x-api-key: ***'],
  ])('%s becomes %s', (text, kept) => {
    expect(scrubbed(text)).toBe(kept);
  });

  it.each(['token', 'eyJ', 'Bearer ', '//', 'cookie=', 'cookie:', 'Basic', ' '])(
    'takes time in proportion: %j',
    async (part) => {
      const tookMs = await quickest(LINEAR_MS, () => void scrubbed(part.repeat(20_000)));
      expect(tookMs).toBeLessThan(LINEAR_MS);
    },
  );
});
