import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import type { Result } from './result.ts';

const root = resolve(import.meta.dirname, '../..');
/** Where results are kept. */
export const resultsFolder = join(root, 'bench/results');

/** What a run itself writes: a tree is not dirty for it. */
const WRITTEN = ['bench/results', 'docs/performance.md'];

/** The commit that is measured; `-dirty` if the files differ from it, `unknown` outside of a checkout. */
export function measuredCommit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    const others = WRITTEN.map((path) => `:(exclude)${path}`);
    const isDirty = git('status', '--porcelain', '--', '.', ...others) !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${isDirty ? '-dirty' : ''}`;
  } catch {
    return 'unknown';
  }
}

/**
 * Reads what is known of a commit.
 * @throws {Error} if it was never measured
 */
export function readResult(commit: string): Result {
  return JSON.parse(readFileSync(fileOf(commit, '.json'), 'utf8')) as Result;
}

/** What one run adds. */
interface Addition {
  readonly part: Partial<Result>;
  /** Whether the run was only to try something: it must not replace the figures of a whole one. */
  readonly isTrial?: boolean;
}

/** Adds what one mode has found to what is known of the measured commit. Returns all of it. */
export function addToResult({ part, isTrial = false }: Addition): Result {
  const commit = `${measuredCommit()}${isTrial ? '-trial' : ''}`;
  const known = existsSync(fileOf(commit, '.json')) ? readResult(commit) : {};
  const environment = {
    commit,
    node: process.versions.node,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
  };
  const result = { ...known, ...environment, ...part };
  mkdirSync(resultsFolder, { recursive: true });
  writeFileSync(fileOf(commit, '.json'), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

/** Writes a picture that belongs to a result. */
export function writePicture({ commit }: Pick<Result, 'commit'>, { name, svg }: { name: string; svg: string }): void {
  writeFileSync(fileOf(commit, `-${name}.svg`), svg);
}

function fileOf(commit: string, ending: string): string {
  return join(resultsFolder, `${commit}${ending}`);
}
