import { describe, expect, it } from '@jest/globals';
import { masked } from '../../../src/observe/access-log.ts';

describe('masked', () => {
  it.each([
    ['/a', '/a'],
    ['/a?b=c&d=e', '/a?b=c&d=e'],
    ['/a?token=secret', '/a?token=***'],
    ['/a?b=c&access_token=secret&d=e', '/a?b=c&access_token=***&d=e'],
    ['/a?Refresh-Token=secret', '/a?Refresh-Token=***'],
    ['/a?PASSWORD=secret', '/a?PASSWORD=***'],
    ['/a?new_passwd=secret', '/a?new_passwd=***'],
    ['/a?client_secret=secret', '/a?client_secret=***'],
    ['/a?api-key=secret', '/a?api-key=***'],
    ['/a?code=secret&state=x', '/a?code=***&state=x'],
    ['/a?x[auth]=secret', '/a?x[auth]=***'],
    ['/a?session=secret', '/a?session=***'],
    ['/a?X-Amz-Signature=secret', '/a?X-Amz-Signature=***'],
    ['/a?b=c;token=secret;d=e', '/a?b=c;token=***;d=e'],
    ['/a?b?token=secret', '/a?b?token=***'],
    ['/a?token=secret=secret', '/a?token=***'],
    ['/a?token=secret?secret', '/a?token=***'],
    ['/a?token=', '/a?token=***'],
    ['/a?token', '/a?token'],
    ['/a?b=token', '/a?b=token'],
    ['/token=x', '/token=x'],
  ])('keeps %s as %s', (target, kept) => {
    expect(masked(target)).toBe(kept);
  });

  it('cuts what is longer than a line should hold, secrets included', () => {
    const target = `/a?token=${'s'.repeat(5000)}`;
    expect(masked(target)).toBe('/a?token=***');
    expect(masked(`/${'a'.repeat(5000)}`)).toMatch(/^\/a{2047}…$/);
  });

  it.each(['?token', '?key', '&token', 'token', '?', '=', '?key=', 'keykey;'])(
    'takes time in proportion to the length: %s',
    (part) => {
      const target = `/?${part.repeat(4000)}`;
      const startedAt = performance.now();
      for (let count = 0; count < 20; count++) masked(target);
      expect(performance.now() - startedAt).toBeLessThan(300);
    },
  );
});
