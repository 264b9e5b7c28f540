import { describe, expect, it } from '@jest/globals';
import { refusalRation } from '../../../src/explain/refusal-ration.ts';

describe('the ration of explained refusals', () => {
  const rationAt = (perSecond: number) => {
    const time = { now: 0 };
    return { time, mayRecord: refusalRation({ perSecond, clock: () => time.now }) };
  };
  const granted = (mayRecord: (client: string) => boolean, clients: readonly string[]) =>
    clients.filter((client) => mayRecord(client)).length;

  it('gives one client a quarter of it, so that a flood leaves room for others', () => {
    const { mayRecord } = rationAt(20);
    expect(granted(mayRecord, Array(1000).fill('flood'))).toBe(5);
    expect(mayRecord('other')).toBe(true);
  });

  it('ends after so many clients, and begins anew each second', () => {
    const { mayRecord, time } = rationAt(20);
    const many = Array.from({ length: 1000 }, (_, index) => `client-${index}`);
    expect(granted(mayRecord, many)).toBe(20);
    time.now = 999;
    expect(granted(mayRecord, many)).toBe(0);
    time.now = 1000;
    expect(granted(mayRecord, many)).toBe(20);
  });

  it('of less than four still gives one client one', () => {
    expect(granted(rationAt(1).mayRecord, ['a', 'a'])).toBe(1);
  });

  it('of nothing gives nothing', () => {
    expect(rationAt(0).mayRecord('a')).toBe(false);
  });
});
