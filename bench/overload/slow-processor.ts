import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
/** Short, so that a process that has used its share up stands still for a few milliseconds only. */
const PERIOD_US = 5000;

/**
 * Gives a process and all of its threads only a share of one processor, by a control group of the kernel (version 1 or 2,
 * as root). So a generator on the same machine can offer a multiple of what the process can serve.
 * @returns a function that gives the processor back
 * @throws {Error} if the machine has no control groups that may be written
 */
export function slowProcessor(pid: number, share: number): () => void {
  const isFirstVersion = existsSync(join(ROOT, 'cpu', 'cpu.cfs_quota_us'));
  const root = isFirstVersion ? join(ROOT, 'cpu') : ROOT;
  const group = join(root, `psa-bench-${process.pid}-${pid}`);
  const quota = Math.round(PERIOD_US * share);
  mkdirSync(group);
  if (isFirstVersion) {
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(PERIOD_US));
    writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quota));
  } else writeFileSync(join(group, 'cpu.max'), `${quota} ${PERIOD_US}`);
  const move = (to: string) => {
    if (existsSync(`/proc/${pid}`)) writeFileSync(join(to, 'cgroup.procs'), String(pid));
  };
  move(group);
  return () => {
    move(root);
    rmdirSync(group);
  };
}
