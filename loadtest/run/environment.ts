import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';

/** On what a run was made. */
export interface Environment {
  readonly cores: number;
  readonly processor: string;
  readonly node: string;
  /** `-dirty` if the files differ from it; unknown outside of a checkout. */
  readonly commit: string;
  /** Processes that wanted to run before the first request: more than none means a machine that is not quiet. */
  readonly loadBefore: number;
}

/** Reads the machine; call it before the run. */
export function readEnvironment(): Environment {
  const git = spawnSync('git', ['describe', '--always', '--dirty', '--abbrev=8', '--exclude=*'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    node: process.versions.node,
    commit: git.status === 0 ? git.stdout.trim() : 'unknown',
    loadBefore: loadavg()[0] ?? Number.NaN,
  };
}
