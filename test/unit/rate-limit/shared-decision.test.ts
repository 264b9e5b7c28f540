import { describe, expect, it } from '@jest/globals';
import type { Check, Rule } from '../../../src/rate-limit/check.ts';
import { fixedRule } from '../../../src/rate-limit/limit-rules.ts';
import type { CounterLink } from '../../../src/rate-limit/shared-counter.ts';
import { sharedDecision } from '../../../src/rate-limit/shared-decision.ts';

const rule = (more: Partial<Rule> = {}): Rule => ({
  ...fixedRule({ name: 'a', of: 'address', limit: 10, windowMs: 1000 }),
  ...more,
});
const check = (key: string, more: Partial<Rule> = {}): Check => ({ rule: rule(more), key, weight: 1 });

/** Of each check what is left, the time until reset, and whether it is exceeded. */
type Answer = (keys: readonly string[], args: readonly string[]) => unknown;

/** A decision with a Redis that is given by what its script answers. */
function deciding({ answer, slotOf }: { answer: Answer; slotOf?: (key: string) => number }) {
  const state = { isAway: false, ms: 0 };
  const sent: string[][] = [];
  const link: CounterLink = {
    isAway: () => state.isAway,
    async command(_name, _script, count = '0', ...rest) {
      sent.push(rest);
      return answer(rest.slice(0, Number(count)), rest.slice(Number(count)));
    },
    beforeReturn: () => undefined,
    ...(slotOf === undefined ? {} : { slotOf }),
  };
  const now = () => state.ms;
  return { decide: sharedDecision({ link, workers: 2, time: { clock: now, now } }), state, sent };
}

describe('sharedDecision', () => {
  it('goes on from the last count of Redis while that is away, each hit as one per worker', async () => {
    const { decide, state } = deciding({ answer: () => [4, 500, 0] });
    await decide([check('k')]);
    state.isAway = true;
    const left: number[] = [];
    for (let turn = 0; turn < 3; turn++) left.push((await decide([check('k')])).standings[0]?.remaining ?? -1);
    expect(left).toEqual([3, 1, 0]);
    expect((await decide([check('k')])).refusal?.check.key).toBe('k');
    state.ms = 500;
    expect((await decide([check('k')])).standings[0]?.remaining).toBe(9);
  });

  it.each([
    ['allow', { isRefused: false, isUndecided: undefined }],
    ['deny', { isRefused: true, isUndecided: true }],
  ] as const)('does what the rule says when Redis fails: %s', async (onStoreError, expected) => {
    const { decide } = deciding({
      answer: () => {
        throw new Error('READONLY');
      },
    });
    for (let turn = 0; turn < 20; turn++) {
      const { refusal } = await decide([check('k', { onStoreError })]);
      expect({ isRefused: refusal !== undefined, isUndecided: refusal?.isUndecided }).toEqual(expected);
    }
  });

  it('counts nothing here either when one check refuses', async () => {
    const { decide, state } = deciding({ answer: () => [] });
    state.isAway = true;
    for (let turn = 0; turn < 5; turn++) await decide([check('wide'), check('narrow', { limit: 1, burst: 1 })]);
    expect((await decide([check('wide')])).standings[0]?.remaining).toBe(8);
  });

  it('asks each slot of a cluster for itself, and gives back what one has counted when another refuses', async () => {
    const { decide, sent } = deciding({
      answer: (keys) => keys.flatMap((key) => (key === 'full' ? [0, 500, 1] : [5, 500, 0])),
      slotOf: (key) => (key === 'full' ? 1 : 2),
    });
    const { standings, refusal } = await decide([check('one'), check('full'), check('two')]);
    expect(standings.map(({ check: { key } }) => key)).toEqual(['one', 'full', 'two']);
    expect(refusal?.check.key).toBe('full');
    expect(sent.map((words) => words.join(' '))).toEqual([
      'one two f 10 1000 10 1 0 f 10 1000 10 1 0',
      'full f 10 1000 10 1 0',
      'one two f 10 1000 10 -1 0 f 10 1000 10 -1 0',
    ]);
  });

  it('remembers a refusal for a second at most, and not for lighter requests', async () => {
    const { decide, state, sent } = deciding({ answer: () => [3, 90_000, 1] });
    const heavy = { ...check('k'), weight: 5 };
    for (let turn = 0; turn < 5; turn++) expect((await decide([heavy])).refusal).toBeDefined();
    expect(sent).toHaveLength(1);
    await decide([check('k')]);
    expect(sent).toHaveLength(2);
    state.ms = 1000;
    await decide([heavy]);
    expect(sent).toHaveLength(3);
  });
});
