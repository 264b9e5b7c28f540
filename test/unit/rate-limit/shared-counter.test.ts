import { describe, expect, it } from '@jest/globals';
import { type CounterLink, sharedCounter } from '../../../src/rate-limit/shared-counter.ts';

/** A link to a Redis that is given by what it answers. */
function linkTo(answer: (command: string) => Promise<unknown>) {
  const sent: string[] = [];
  const state = { isAway: false };
  let returnWork = async (): Promise<unknown> => undefined;
  const link: CounterLink = {
    isAway: () => state.isAway,
    command: (...args) => {
      sent.push(args[0]);
      return answer(args[0]);
    },
    beforeReturn: (work) => {
      returnWork = work;
    },
  };
  return { link, sent, state, comeBack: () => returnWork() };
}

const counterWith = (link: CounterLink) =>
  sharedCounter({
    link,
    prefix: 'test:',
    limit: 10,
    windowMs: 1000,
    workers: 2,
    time: { clock: () => 0, now: () => 0 },
  });

describe('sharedCounter', () => {
  it('sends nothing while the link is away, and counts with its share', async () => {
    const { link, sent, state } = linkTo(async () => 'never');
    state.isAway = true;
    const counter = counterWith(link);
    await counter.increment('a');
    expect(await counter.increment('a')).toEqual({ totalHits: 4, resetTime: new Date(1000) });
    expect(sent).toEqual([]);
  });

  it('counts locally when a command fails, and never throws', async () => {
    const { link } = linkTo(() => Promise.reject(new Error('READONLY')));
    const counter = counterWith(link);
    expect((await counter.increment('a')).totalHits).toBe(1);
  });

  it('loads its script anew each time Redis comes back, also after a load that failed', async () => {
    let load: () => Promise<unknown> = () => Promise.reject(new Error('LOADING'));
    const { link, comeBack } = linkTo((command) => (command === 'SCRIPT' ? load() : Promise.resolve([7, 500])));
    const counter = counterWith(link);
    await expect(comeBack()).rejects.toThrow('LOADING');
    expect((await counter.increment('a')).totalHits).toBe(1);
    load = () => Promise.resolve('sha');
    await comeBack();
    expect((await counter.increment('a')).totalHits).toBe(7);
  });

  it('goes on from what Redis last said, so that a false alarm gives nobody a new window', async () => {
    const { link, state } = linkTo(async () => [8, 500]);
    const counter = counterWith(link);
    expect((await counter.increment('a')).totalHits).toBe(8);
    state.isAway = true;
    expect((await counter.increment('a')).totalHits).toBe(10);
    expect((await counter.increment('a')).totalHits).toBe(12);
  });
});
