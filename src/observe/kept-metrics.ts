import { open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from './sum-metrics.ts';

const ENDING = '.metrics.json';
const SUM = 'ended.json';
const LOCK = 'ended.lock';

/** Many more than can end while somebody reads their files. */
const MAX_ADDED = 100;

/** Whoever holds the lock for longer has died with it. */
const LOCK_TIMEOUT_MS = 10_000;

/**
 * The counts of workers that have ended. Without them a sum would fall at every reload, and Prometheus takes a counter that
 * falls for one that began anew: it would count everything a second time.
 *
 * Each worker writes its counts to a file of its own whenever somebody has asked for them, and at its end. So what has once
 * been told is never taken back, not even when a worker is killed. Files of ended workers are added up into one by the next
 * worker that starts.
 */
export interface KeptMetrics {
  /** Writes this worker's counts. Calls don't overtake each other: the last one's are those of the end. */
  keep(): Promise<Snapshot>;
  /** The counts of all workers but these. Ask the workers first: who ends meanwhile has written before it falls silent. */
  except(ids: readonly string[]): Promise<Snapshot[]>;
  /** Adds up the files of workers that are not among the living. */
  addUp(living: readonly string[]): Promise<void>;
}

interface KeptMetricsOptions {
  readonly folder: string;
  /** Of this worker. */
  readonly id: string;
  readonly snapshot: () => Promise<Snapshot>;
  readonly sumOf: (snapshots: readonly Snapshot[]) => Promise<Snapshot>;
  readonly onError: (error: unknown) => void;
}

/** The file of what several ended workers counted. */
interface Sum {
  readonly metrics: Snapshot;
  /** Whose files were added of late: they are in the sum, even for somebody who has read them before they were removed. */
  readonly added: readonly string[];
}

export function keptMetrics({ folder, id, snapshot, sumOf, onError }: KeptMetricsOptions): KeptMetrics {
  const pathOf = (worker: string) => join(folder, `${worker}${ENDING}`);
  const read = async (worker: string) => ({ worker, metrics: await readJson<Snapshot>(pathOf(worker), []) });
  const workersBut = async (ids: readonly string[]) =>
    (await workersIn(folder)).filter((worker) => !ids.includes(worker));
  const readSum = () => readJson<Sum>(join(folder, SUM), { metrics: [], added: [] });
  let last: Promise<unknown> = Promise.resolve();
  const keepNow = async () => {
    const metrics = await snapshot();
    await replace(pathOf(id), counts(metrics)).catch(onError);
    return metrics;
  };
  return {
    keep() {
      const kept = last.then(keepNow);
      last = kept.catch(() => undefined);
      return kept;
    },
    async except(ids) {
      const files = await Promise.all((await workersBut(ids)).map(read));
      // Read last: a file that is added to the sum meanwhile was either read in time, or is in the sum; never both, by `added`.
      const sum = await readSum();
      return [sum.metrics, ...files.filter(({ worker }) => !sum.added.includes(worker)).map(({ metrics }) => metrics)];
    },
    async addUp(living) {
      await withLock(join(folder, LOCK), async () => {
        const ended = await workersBut(living);
        if (ended.length === 0) return;
        const sum = await readSum();
        const files = await Promise.all(ended.filter((worker) => !sum.added.includes(worker)).map(read));
        const metrics = await sumOf([sum.metrics, ...files.map((file) => file.metrics)]);
        const added = [...new Set([...ended, ...sum.added])].slice(0, MAX_ADDED);
        await replace(join(folder, SUM), { metrics: counts(metrics), added } satisfies Sum);
        await Promise.all(ended.map((worker) => rm(pathOf(worker), { force: true })));
      }).catch(onError);
    },
  };
}

/** What goes on counting after its worker has ended. A gauge is of the moment: a worker that is gone uses no memory. */
function counts(metrics: Snapshot): Snapshot {
  return metrics.filter(({ type }) => String(type) === 'counter' || String(type) === 'histogram');
}

async function workersIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
}

/** What can't be read, because it has gone or the disk was full when it was written, counts as empty. */
async function readJson<T>(path: string, empty: T): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return empty;
  }
}

/** Puts a file in the place of another at once, so that nobody reads half of one. */
async function replace(path: string, content: unknown): Promise<void> {
  const draft = `${path}.draft`;
  await writeFile(draft, JSON.stringify(content));
  await rename(draft, path);
}

/** Does the work unless another worker is about it. */
async function withLock(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await (await open(path, 'wx')).close();
  } catch {
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    // Removed, not taken: the next worker that starts will find it free.
    if (Date.now() - mtimeMs > LOCK_TIMEOUT_MS) await rm(path, { force: true });
    return;
  }
  try {
    await work();
  } finally {
    await rm(path, { force: true });
  }
}
