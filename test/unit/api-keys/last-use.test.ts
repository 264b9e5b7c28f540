import { describe, expect, it } from '@jest/globals';
import { lastUse } from '../../../src/api-keys/last-use.ts';
import { until } from '../../support/until.ts';

/** What is told of keys in use, with a clock to move. */
function uses({ isAway = (): boolean => false, fails = false } = {}) {
  let nowMs = 1_000_000;
  const told: string[] = [];
  const command = async (...[, key, at]: [string, ...string[]]) => {
    told.push(`${key?.slice(key.lastIndexOf(':') + 1)} ${at}`);
    if (fails) throw new Error('redis is away');
  };
  const use = lastUse({ link: { isAway, command }, now: () => nowMs });
  const wait = (milliseconds: number) => {
    nowMs += milliseconds;
  };
  return { ...use, wait, told };
}

describe('the last use of a key', () => {
  it('is told once for all uses of a minute, all keys together', async () => {
    const { used, flush, wait, told } = uses();
    for (const id of ['a', 'b', 'a', 'a']) used(id);
    expect(told).toEqual([]);
    await flush();
    wait(59_999);
    used('a');
    await flush();
    expect(told).toEqual(['a 1000000', 'b 1000000']);
    wait(1);
    used('a');
    await flush();
    expect(told.at(-1)).toBe('a 1060000');
  });

  it('is told by itself, soon', async () => {
    const { used, told } = uses();
    used('a');
    await until('it to be told', () => told.length === 1);
  });

  it('is not told while Redis is away, and troubles nobody if telling fails', async () => {
    const away = uses({ isAway: () => true });
    away.used('a');
    await away.flush();
    expect(away.told).toEqual([]);
    const failing = uses({ fails: true });
    failing.used('a');
    await failing.flush();
    expect(failing.told).toHaveLength(1);
  });
});
