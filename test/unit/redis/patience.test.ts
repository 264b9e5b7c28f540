import { describe, expect, it } from '@jest/globals';
import { Command } from 'ioredis';
import { patience } from '../../../src/redis/patience.ts';

/** What becomes of a command, and after how long. */
async function fateOf(command: Command): Promise<{ fate: string; afterMs: number }> {
  const startedAt = performance.now();
  const fate = await command.promise.then(String, (error: Error) => error.message);
  return { fate, afterMs: performance.now() - startedAt };
}

/** Keeps the event loop from turning, as a long computation does. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('patience', () => {
  it('gives up on a command that is not answered in time, and not before', async () => {
    const watch = patience(50);
    const command = new Command('get', ['a']);
    watch(command);
    const { fate, afterMs } = await fateOf(command);
    expect(fate).toBe('no answer within 50 ms');
    expect(afterMs).toBeGreaterThan(48);
  });

  it('lets an answer through that comes in time', async () => {
    const watch = patience(50);
    const command = new Command('get', ['a']);
    watch(command);
    setTimeout(() => command.resolve('answer'), 10);
    expect((await fateOf(command)).fate).toBe('answer');
  });

  it('gives each command its own time, and goes on watching after a rest', async () => {
    const watch = patience(50);
    const [first, second] = [new Command('get', ['a']), new Command('get', ['b'])];
    watch(first);
    setTimeout(() => watch(second), 30);
    const fates = await Promise.all([fateOf(first), fateOf(second)]);
    expect(fates.map(({ fate }) => fate)).toEqual(['no answer within 50 ms', 'no answer within 50 ms']);
    expect(fates[0]?.afterMs).toBeGreaterThan(48);
    expect(fates[1]?.afterMs).toBeGreaterThan(28 + 48);
    const third = new Command('get', ['c']);
    watch(third);
    expect((await fateOf(third)).fate).toBe('no answer within 50 ms');
  });

  it('gives up on an unanswered command between answered ones', async () => {
    const watch = patience(50);
    const commands = ['a', 'b', 'c'].map((key) => new Command('get', [key]));
    for (const command of commands) watch(command);
    commands[0]?.resolve('answer');
    commands[2]?.resolve('answer');
    const fates = await Promise.all(commands.map(fateOf));
    expect(fates.map(({ fate }) => fate)).toEqual(['answer', 'no answer within 50 ms', 'answer']);
  });

  it('blames nothing on Redis that a blocked event loop has kept from us', async () => {
    const watch = patience(50);
    const command = new Command('get', ['a']);
    watch(command);
    block(200);
    // The answer lies in the socket, which is read after the timers have run.
    setImmediate(() => command.resolve('answer'));
    expect((await fateOf(command)).fate).toBe('answer');
  });

  it('reads the sockets once more after its last look', async () => {
    const watch = patience(50);
    const command = new Command('get', ['a']);
    let turns = 0;
    // Every turn is so long that it has one look, before this: the eleventh is the last.
    const turn = () => {
      block(6);
      if (++turns === 12) command.resolve('answer');
      else setImmediate(turn);
    };
    // Timers run before immediates: no look can come between the two.
    setTimeout(() => {
      watch(command);
      setImmediate(turn);
    }, 1);
    expect((await fateOf(command)).fate).toBe('answer');
  });
});
