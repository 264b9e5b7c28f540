import { describe, expect, it } from '@jest/globals';
import { limitStates } from '../../../src/explain/limit-states.ts';

describe('limitStates', () => {
  it.each([
    ['"user"; r=0; t=842', [{ policy: 'user', remaining: 0, resetSeconds: 842 }]],
    [
      '"burst";r=3;t=1, "sustained";r=120;t=59;pk=:a+/=:',
      [
        { policy: 'burst', remaining: 3, resetSeconds: 1 },
        { policy: 'sustained', remaining: 120, resetSeconds: 59 },
      ],
    ],
    ['"odd"', [{ policy: 'odd', remaining: undefined, resetSeconds: undefined }]],
    ['', []],
    [undefined, []],
    [42, []],
  ])('reads %p', (header, states) => {
    expect(limitStates(header)).toEqual(states);
  });
});
