import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts a process's time in hundredths of a second. @see proc_pid_stat(5) */
const MICROSECONDS_PER_TICK = 10_000;

/** CPU time in microseconds, as the operating system counts it. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

/** Memory in KiB. What several processes share counts in each `resident`, and in parts in `proportional`. */
export interface Memory {
  readonly resident: number;
  readonly proportional: number;
}

/** A process and all that it has started, and they. */
export function processTree(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const children = tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((text) => text !== ''),
  );
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** What these processes have used so far, together. */
export function cpuTimeOf(pids: readonly number[]): CpuTime {
  const times = pids.map((pid) => parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  return { user: sum(times.map(({ user }) => user)), system: sum(times.map(({ system }) => system)) };
}

/** What these processes hold now, together. */
export function memoryOf(pids: readonly number[]): Memory {
  const parts = pids.map((pid) => parseSmapsRollup(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')));
  return {
    resident: sum(parts.map(({ resident }) => resident)),
    proportional: sum(parts.map(({ proportional }) => proportional)),
  };
}

/** How many files and sockets a process has open. */
export function openHandlesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Reads `/proc/<pid>/stat`. */
export function parseStat(stat: string): CpuTime {
  // The name in field 2 may hold anything, so fields are counted from its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    user: Number(fields[11]) * MICROSECONDS_PER_TICK,
    system: Number(fields[12]) * MICROSECONDS_PER_TICK,
  };
}

/** Reads `/proc/<pid>/smaps_rollup`. */
export function parseSmapsRollup(text: string): Memory {
  const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
  return { resident: kibibytes('Rss'), proportional: kibibytes('Pss') };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
