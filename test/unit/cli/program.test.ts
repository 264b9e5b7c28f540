import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { operatorProgram } from '../../../src/cli/program.ts';
import { run } from '../../../src/cli/run.ts';

/** A process that is not there, and what was printed in it. */
function surroundings() {
  const printed: string[] = [];
  return {
    printed,
    environment: {},
    folder: '/nowhere',
    operator: 'tester',
    now: () => 0,
    write: (text: string) => void printed.push(text),
    warn: (text: string) => void printed.push(text),
    readInput: () => Promise.resolve(''),
    signal: new AbortController().signal,
  };
}

const names = ({ commands }: Command, path = ''): string[] =>
  commands.flatMap((command) => [`${path}${command.name()}`, ...names(command, `${path}${command.name()} `)]);

const all = names(operatorProgram(surroundings(), () => undefined));

describe('every command', () => {
  it('is found', () => {
    expect(all).toEqual(expect.arrayContaining(['check', 'keys show', 'limits reset', 'token inspect']));
  });

  it.each(all)('gateway %s: its help shows what is typed', async (name) => {
    const process = surroundings();
    expect(await run([...name.split(' '), '--help'], process)).toBe(0);
    const help = process.printed.join('');
    expect(help).toContain(`Usage: gateway ${name}`);
    expect(help).toMatch(new RegExp(`Examples?:\\n(?: {2}\\$ .*\\n)* {2}\\$ .*npx gateway ${name}`));
  });
});

describe('gateway --version', () => {
  it('prints the version alone', async () => {
    const process = surroundings();
    expect(await run(['--version'], process)).toBe(0);
    expect(process.printed.join('')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('what is typed wrongly', () => {
  it.each([
    ['an empty id', ['revoke', 'user', ''], /Expected 1 to 255 characters/],
    ['an empty owner', ['keys', 'create', '--owner', ''], /Expected 1 to 255 characters/],
    ['a line break', ['tenants', 'suspend', 'a\nb'], /Expected 1 to 255 characters/],
    ['nothing on stdin', ['revoke', 'token'], /expected a jti, or a JWT on stdin/],
    ['a word that is nearly right', ['keys', 'shwo'], /Did you mean show\?/],
  ])('exits with 2 and says what was expected: %s', async (_what, args, expected) => {
    const process = surroundings();
    expect(await run(args, process)).toBe(2);
    expect(process.printed.join('')).toMatch(expected);
    expect(process.printed.join('')).not.toMatch(/\n\s+at /);
  });
});
