import { existsSync, readFileSync } from 'node:fs';
import { openHandlesOf } from '../measure/process-account.ts';
import type { LiveObjects } from './live-objects.ts';
import type { Series } from './trend.ts';

const BYTES_PER_MEBIBYTE = 1024 * 1024;

/** What is watched of each worker. */
const quantities = [
  // V8 resizes its young generation as it likes, between 13 and 104 MiB within minutes. What leaks shows further down.
  { name: 'resident memory', unit: 'MiB', tolerance: 100 },
  { name: 'open handles', unit: '', tolerance: 20 },
  { name: 'event-loop delay p99', unit: 'ms', tolerance: 10 },
  { name: 'live heap', unit: 'MiB', tolerance: 2 },
  { name: 'memory outside of the heap', unit: 'MiB', tolerance: 8 },
  { name: 'event emitters', unit: '', tolerance: 100 },
  { name: 'functions', unit: '', tolerance: 1000 },
] as const;

type Quantity = (typeof quantities)[number]['name'];

interface Worker {
  readonly pid: number;
  readonly memory: { readonly rss: number };
  readonly eventLoopDelay: { readonly p99: number };
}

/** Looks at every worker, from outside and by its own account. Each look adds a point to every series. */
export function watchWorkers({ url, looksFile }: { url: string; looksFile: string }) {
  const points = new Map<string, { seconds: number; value: number }[]>();
  const startedAt = performance.now();
  const pids = new Set<number>();
  const add = (seconds: number, pid: number, values: Partial<Record<Quantity, number>>) => {
    pids.add(pid);
    for (const [name, value] of Object.entries(values)) {
      const key = `${name} of worker ${[...pids].indexOf(pid) + 1}`;
      points.set(key, [...(points.get(key) ?? []), { seconds, value }]);
    }
  };
  return {
    async look(): Promise<void> {
      const answer = await fetch(`${url}/health/detailed`);
      const { workers } = (await answer.json()) as { workers: readonly Worker[] };
      const seconds = (performance.now() - startedAt) / 1000;
      for (const { pid, memory, eventLoopDelay } of workers)
        add(seconds, pid, {
          'resident memory': memory.rss / BYTES_PER_MEBIBYTE,
          'open handles': openHandlesOf(pid),
          'event-loop delay p99': eventLoopDelay.p99,
        });
    },
    series(): Series[] {
      for (const { pid, seconds, heapUsed, outside, emitters, functions } of linesOf(looksFile))
        add(seconds, pid, {
          'live heap': heapUsed / BYTES_PER_MEBIBYTE,
          'memory outside of the heap': outside / BYTES_PER_MEBIBYTE,
          'event emitters': emitters,
          functions,
        });
      return quantities.flatMap((quantity) =>
        [...points]
          .filter(([key]) => key.startsWith(quantity.name))
          .map(([name, own]) => ({ ...quantity, name, points: own })),
      );
    },
  };
}

function linesOf(file: string): LiveObjects[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as LiveObjects);
}
