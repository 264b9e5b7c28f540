import { describe, expect, it } from '@jest/globals';
import { originForm } from '../../../src/process/origin-form.ts';

describe('originForm', () => {
  it.each([
    ['/', '/'],
    ['/a?b', '/a?b'],
    ['//a', '//a'],
    ['*', '*'],
    ['http://a.test/b?c', '/b?c'],
    ['HTTPS://a.test:8443/b', '/b'],
    ['http://a.test', '/'],
    ['http://a.test?b', '/?b'],
    ['http://a.test#b', '/#b'],
    ['http://a.test//b', '//b'],
    ['http://[::1]:80/b', '/b'],
    ['http://a.test/http://b.test/', '/http://b.test/'],
  ])('reads %s as %s', (target, origin) => {
    expect(originForm(target)).toBe(origin);
  });

  it.each([
    '',
    'a',
    '**',
    '*/a',
    '?a',
    '#a',
    'http:',
    'http:/a',
    'http://',
    'http:///a',
    'http://user@a.test/',
    'http://a.test:port/',
    'http://a.test:/',
    'http://[a/',
    'http://a b/',
    'http://a\\b/',
    'ftp://a.test/',
    'ws://a.test/',
    'a.test:443',
    '\\a',
  ])('reads nothing in %j', (target) => {
    expect(originForm(target)).toBeUndefined();
  });
});
