import { describe, expect, it } from '@jest/globals';
import { catalog, type Reason } from '../../../src/problem/catalog.ts';
import { whatHelps } from '../../../src/problem/what-helps.ts';

describe('whatHelps', () => {
  it.each(Object.keys(catalog) as Reason[])('says what to do about %s', (reason) => {
    expect(whatHelps(reason)).toMatch(/^[A-Z].{10,}\.$/);
  });

  it('falls back on a report for no status that the catalogue has', () => {
    const reported = (Object.keys(catalog) as Reason[]).filter(
      (reason) => whatHelps(reason) === 'Report the `requestId`.',
    );
    expect(reported).toEqual([]);
  });
});
