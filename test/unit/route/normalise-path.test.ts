import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { normalisePath } from '../../../src/route/normalise-path.ts';
import { fuzzSettings } from '../../support/fuzz-settings.ts';
import { asLenientServersRead } from '../../support/path-spellings.ts';
import { quickest } from '../../support/quickest.ts';

describe('normalisePath', () => {
  it.each([
    ['/', '/'],
    ['/api/v1/crm', '/api/v1/crm'],
    ['/api/v1/crm/', '/api/v1/crm/'],
    ["/a!$&'()*+,=:@b", "/a!$&'()*+,=:@b"],
    ['/a.b/.c/...', '/a.b/.c/...'],
    ['/%61%2d%7E', '/a-~'],
    ['/a%20b', '/a%20b'],
    ['/%c3%a9', '/%C3%A9'],
    ['/100%25', '/100%25'],
    ['/%3f%23%5b', '/%3F%23%5B'],
    ['/a%252', '/a%252'],
  ])('brings %s into the form %s', (path, normal) => {
    expect(normalisePath(path)).toEqual({ path: normal });
    expect(normalisePath(normal)).toEqual({ path: normal });
  });

  const refusals: Record<string, readonly string[]> = {
    'must start with "/"': ['', 'a', '*', '%2fa', '.', '?'],
    'empty segment': ['//', '//a', '/a//b', '/a//'],
    'has a ";" or "\\"': ['/a;b', '/;', '/a;b=c/d', '/a\\b', '/\\a', '/..;/a'],
    'must be percent-encoded': [
      '/a b',
      '/a\tb',
      '/a\0b',
      '/\u00e9',
      '/a"b',
      '/<a>',
      '/a^b',
      '/a`b',
      '/{a}',
      '/a|b',
      '/a#b',
    ],
    'not followed by two hex digits': ['/%', '/%2', '/%zz', '/a%g0', '/%u002e', '/%%32%65'],
    'encoded slash, backslash, ";" or control character': [
      '/a%2fb',
      '/a%2Fb',
      '/a%5cb',
      '/a%5C',
      '/a%3bb',
      '/%00',
      '/a%0a',
      '/a%1f',
      '/a%7F',
    ],
    'percent-encoded twice': [
      '/%252e',
      '/a%252fb',
      '/%25252e',
      '/%2541',
      '/%25%32%65%25%32%65/a',
      '/a%25%32fb',
      '/a%252%66b',
      '/%25%32%35',
    ],
    'begins or ends with a space': ['/%20', '/a%20', '/a%20/b', '/%20a', '/..%20/a', '/%20../a', '/a/%20/b'],
    'not UTF-8': ['/%c0%ae', '/%c0%af', '/%e0%80%af', '/%ff', '/%c3', '/%ed%a0%80'],
    'dot segment': ['/.', '/..', '/a/.', '/a/..', '/a/./b', '/a/../b', '/%2e', '/%2E%2e/a', '/a/.%2e/b', '/a/%2e'],
  };
  const cases = Object.entries(refusals).flatMap(([why, paths]) => paths.map((path) => [path, why] as const));

  it.each(cases)('refuses %j: it %s', (path, why) => {
    expect(normalisePath(path)).toEqual({ refusal: expect.stringContaining(why) });
  });

  it('has nothing more to do to what it returns, which the most lenient server reads in the same way', () => {
    const parts = [
      '/',
      '.',
      '..',
      '%',
      '25',
      '2e',
      '2E',
      '%2f',
      '%25',
      '%20',
      '%c3%a9',
      '%00',
      ';',
      '\\',
      '%7e',
      '%3f',
      'a',
      'A',
    ];
    const path = fc.array(fc.constantFrom(...parts), { maxLength: 12, size: 'max' }).map((all) => `/${all.join('')}`);
    const holds = (text: string) => {
      const normalised = normalisePath(text);
      if ('refusal' in normalised) return;
      expect(normalisePath(normalised.path)).toEqual(normalised);
      const plain = Buffer.from(decodeURIComponent(normalised.path)).toString('latin1').toLowerCase();
      expect(asLenientServersRead(normalised.path)).toBe(plain.length > 1 ? plain.replace(/\/$/, '') : plain);
    };
    fc.assert(fc.property(path, holds), fuzzSettings(20_000));
  });

  it('takes time in proportion to the length, whatever the path is made of', async () => {
    for (const part of ['/', '/a', '%2e', '/.', '%', '%25', '/%61', ';', '/..', '\u00e9']) {
      const tookMs = await quickest(1000, () => {
        for (let count = 0; count < 20; count++) normalisePath(`/${part.repeat(16_000 / part.length)}|`);
      });
      expect(tookMs).toBeLessThan(1000);
    }
  });
});
