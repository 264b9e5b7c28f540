import { describe, expect, it } from '@jest/globals';
import { ReplyError } from 'ioredis';
import { isRefusal, refusals } from '../../../src/redis/refusals.ts';

const answer = (message: string): Error => new ReplyError(message);

describe('isRefusal', () => {
  it.each([
    'NOPERM this user has no permissions to run the ‘xadd’ command',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    "ERR unknown command 'EVALSHA', with args beginning with: 'abc'",
    'ERR syntax error',
    "CROSSSLOT Keys in request don't hash to the same slot",
    'MOVED 3999 127.0.0.1:6381',
    'BUSYKEY Target key name already exists.',
  ])('is true of what Redis has against one command: %s', (message) => {
    expect(isRefusal(answer(message))).toBe(true);
  });

  it.each([
    'LOADING Redis is loading the dataset in memory',
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'NOREPLICAS Not enough good replicas to write.',
    "OOM command not allowed when used memory > 'maxmemory'. script: f1b2, on @user_script:1.",
    "ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    'CLUSTERDOWN Hash slot not served',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    'DENIED Redis is running in protected mode',
    'ERR max number of clients reached',
    'NOSCRIPT No matching script. Please use EVAL.',
  ])('is false of what makes Redis useless, or is mended by the caller: %s', (message) => {
    expect(isRefusal(answer(message))).toBe(false);
  });

  it('is false of whatever Redis has not said', () => {
    expect(isRefusal(new Error('no answer within 80 ms'))).toBe(false);
    expect(isRefusal('NOPERM')).toBe(false);
  });
});

function record() {
  let nowMs = 0;
  const lines: [level: string, details: unknown][] = [];
  const logger = {
    info: (_: string, details?: object) => void lines.push(['info', details]),
    warn: (_: string, details?: object) => void lines.push(['warn', details]),
  };
  const refused = refusals({ logger, clock: () => nowMs });
  const passMs = (ms: number) => {
    nowMs += ms;
  };
  return { refused, lines, passMs };
}

describe('refusals', () => {
  it('tells each kind of each command once, whatever the number of requests', () => {
    const { refused, lines } = record();
    for (let request = 0; request < 1000; request++) {
      refused.add('XADD', answer('NOPERM no'));
      refused.add('EVALSHA', answer('WRONGTYPE no'));
      refused.add('EVALSHA', answer('NOPERM no'));
    }
    expect(lines).toEqual([
      ['warn', { command: 'XADD', reason: 'NOPERM no' }],
      ['warn', { command: 'EVALSHA', reason: 'WRONGTYPE no' }],
      ['warn', { command: 'EVALSHA', reason: 'NOPERM no' }],
    ]);
    expect(refused.all()).toEqual([
      { command: 'XADD', kind: 'NOPERM', count: 1000, isRecent: true },
      { command: 'EVALSHA', kind: 'WRONGTYPE', count: 1000, isRecent: true },
      { command: 'EVALSHA', kind: 'NOPERM', count: 1000, isRecent: true },
    ]);
  });

  it('is over after a minute without, once, and told again if it begins again', () => {
    const { refused, lines, passMs } = record();
    const look = () => {
      lines.length = 0;
      refused.look();
      return [refused.isAnyRecent(), ...lines.map(([level]) => level)];
    };
    refused.add('XADD', answer('NOPERM no'));
    passMs(59_999);
    expect(look()).toEqual([true]);
    passMs(1);
    expect(look()).toEqual([false, 'info']);
    expect(look()).toEqual([false]);
    refused.add('XADD', answer('NOPERM no'));
    expect(lines).toEqual([['warn', { command: 'XADD', reason: 'NOPERM no' }]]);
    expect(refused.all()).toMatchObject([{ count: 2, isRecent: true }]);
  });

  it('names nobody, and keeps the labels of its metric few', () => {
    const { refused, lines } = record();
    refused.add(
      'EVAL',
      answer("ERR unknown command 'EVAL', with args beginning with: 'psa:limit:user:ada@example.com'"),
    );
    refused.add('EVAL', answer('BUSYKEY psa:limit:user:ada@example.com'));
    expect(JSON.stringify(lines[0])).not.toContain('ada');
    expect(refused.all().map(({ kind }) => kind)).toEqual(['ERR', 'other']);
  });
});
