import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readOptions, UsageError } from '../../../loadtest/options.ts';
import { castOfTarget } from '../../../loadtest/run/cast.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-loadtest-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (text: string) => {
  const path = join(folder, 'file');
  writeFileSync(path, text);
  return path;
};

describe('the options', () => {
  it('are of a profile by its name, with a gateway of our own', () => {
    const { profile, target, settings } = readOptions(['quick'], {});
    expect({ profile, target }).toEqual({ profile: 'quick', target: undefined });
    expect(settings.warmUpRequests).toBe(4000);
  });

  it('take single targets from a file and keep the others', () => {
    const { settings } = readOptions(['quick', '--targets', file('{"meanMs": {"below": 1}}')], {});
    expect(settings.targets).toMatchObject({ meanMs: { below: 1 }, p95Ms: { below: 200 } });
  });

  it.each(['http://127.0.0.1:3000', 'http://localhost:3000/', 'http://[::1]:3000'])('take %s as it is', (TARGET) => {
    expect(readOptions(['quick'], { TARGET }).target?.port).toBe('3000');
  });

  it('take a target elsewhere only with consent', () => {
    const environment = { TARGET: 'https://gateway.example' };
    expect(() => readOptions(['quick'], environment)).toThrow(/not this machine.*--yes/);
    expect(readOptions(['quick', '--yes'], environment).target?.origin).toBe('https://gateway.example');
  });

  it.each([
    'gateway',
    'localhost:3000',
    'ftp://127.0.0.1',
    'http://127.0.0.1/prefix',
    'http://user:word@127.0.0.1',
    'http://127.0.0.1.gateway.example',
  ])('refuse %s as a target', (TARGET) => {
    expect(() => readOptions(['quick'], { TARGET })).toThrow(UsageError);
  });

  it.each([
    ['no profile', []],
    ['two profiles', ['quick', 'basic']],
    ['an unknown profile', ['quik']],
    ['a name that every object has', ['toString']],
    ['a profile file that is not there', ['nowhere.yml']],
    ['an unknown option', ['quick', '--loud']],
    ['a file of targets that is not there', ['quick', '--targets', '/nowhere']],
  ])('refuse %s', (_what, args) => {
    expect(() => readOptions(args, {})).toThrow(UsageError);
  });

  it.each(['{', '{"median": {"below": 1}}', '{"meanMs": {"under": 1}}', '{"meanMs": 1}'])(
    'refuse the targets %s',
    (text) => {
      expect(() => readOptions(['quick', '--targets', file(text)], {})).toThrow(UsageError);
    },
  );
});

describe('the users for a target', () => {
  it('have the tokens of the file, and an address each', () => {
    const { users, credentials } = castOfTarget({ LOADTEST_TOKENS: file('one\n\ntwo\n') });
    expect(users.map(({ token }) => token)).toEqual(['one', 'two']);
    expect(new Set(users.map(({ address }) => address)).size).toBe(2);
    expect(credentials).toEqual([]);
  });

  it('are made with the secret of the target, new ones each time', () => {
    const environment = { JWT_SECRET: 'x'.repeat(40), JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'audience' };
    const subjects = [castOfTarget(environment), castOfTarget(environment)].flatMap(({ users }) =>
      users.map(({ token }) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sub),
    );
    expect(new Set(subjects).size).toBe(400);
  });

  it.each([
    ['without both', {}],
    ['with half of it', { JWT_SECRET: 'x'.repeat(40) }],
    ['with a file that is not there', { LOADTEST_TOKENS: '/nowhere' }],
  ])('are refused %s', (_what, environment) => {
    expect(() => castOfTarget(environment)).toThrow(UsageError);
  });

  it('are refused with an empty file', () => {
    expect(() => castOfTarget({ LOADTEST_TOKENS: file('\n') })).toThrow(/no token/);
  });
});
