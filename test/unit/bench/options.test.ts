import { describe, expect, it } from '@jest/globals';
import { DEFAULT_PLAN, planOf } from '../../../bench/modes/plan.ts';
import { readOptions } from '../../../bench/options.ts';

describe('readOptions', () => {
  it('compares everybody with one and two workers, if nothing else is asked for', () => {
    const { mode, contenders, workers, rounds, plan, isTrial } = readOptions([]);
    expect({ mode, workers, rounds, isTrial }).toEqual({ mode: 'compare', workers: [1, 2], rounds: 5, isTrial: false });
    expect(contenders.map(({ name }) => name)).toEqual([
      'gateway',
      'obvious',
      'express',
      'fastify',
      'haproxy',
      'nginx',
    ]);
    expect(plan).toBe(DEFAULT_PLAN);
  });

  it.each([['--quick'], ['--only=nginx'], ['--workers=1']])('calls a run with %s a trial', (argument) => {
    expect(readOptions([argument]).isTrial).toBe(true);
  });

  it('takes a mode and what belongs to it', () => {
    expect(readOptions(['--scale', '--users', '1000'])).toMatchObject({ mode: 'scale', users: 1000 });
    expect(readOptions(['--idle', '--connections', '500'])).toMatchObject({ mode: 'idle', idleConnections: 500 });
    expect(readOptions(['--profile', '--seconds', '3'])).toMatchObject({ mode: 'profile', seconds: 3 });
  });

  it.each([
    [['--only', 'traefik'], 'no contender traefik'],
    [['--rounds', '0'], '0 is no whole number'],
    [['--seconds', '1.5'], '1.5 is no whole number'],
    [['--workers', '3'], '3 workers are not measured'],
    [['--fast'], 'Unknown option'],
  ])('refuses %j', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});

describe('planOf', () => {
  it('leaves out what takes no time', () => {
    const segments = planOf({ saturation: [2, 0, 1], openLoop: 0 });
    expect(segments.map(({ payload, seconds }) => [payload.name, seconds])).toEqual([
      ['200 B', 2],
      ['1 MiB', 1],
    ]);
  });
});
