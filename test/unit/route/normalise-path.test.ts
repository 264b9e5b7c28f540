import { describe, expect, it } from '@jest/globals';
import { normalisePath } from '../../../src/route/normalise-path.ts';

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
    'percent-encoded twice': ['/%252e', '/a%252fb', '/%25252e', '/%2541'],
    'not UTF-8': ['/%c0%ae', '/%c0%af', '/%e0%80%af', '/%ff', '/%c3', '/%ed%a0%80'],
    'dot segment': ['/.', '/..', '/a/.', '/a/..', '/a/./b', '/a/../b', '/%2e', '/%2E%2e/a', '/a/.%2e/b', '/a/%2e'],
  };
  const cases = Object.entries(refusals).flatMap(([why, paths]) => paths.map((path) => [path, why] as const));

  it.each(cases)('refuses %j: it %s', (path, why) => {
    expect(normalisePath(path)).toEqual({ refusal: expect.stringContaining(why) });
  });

  it('takes time in proportion to the length, whatever the path is made of', () => {
    for (const part of ['/', '/a', '%2e', '/.', '%', '%25', '/%61', ';', '/..', '\u00e9']) {
      const startedAt = performance.now();
      for (let count = 0; count < 20; count++) normalisePath(`/${part.repeat(16_000 / part.length)}|`);
      expect(performance.now() - startedAt).toBeLessThan(1000);
    }
  });
});
