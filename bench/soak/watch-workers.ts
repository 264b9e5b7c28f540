import { openHandlesOf } from '../measure/process-account.ts';
import type { Series } from './trend.ts';

const BYTES_PER_MEBIBYTE = 1024 * 1024;

/** What is watched of each worker. */
const quantities = [
  { name: 'resident memory', unit: 'MiB', tolerance: 12 },
  { name: 'heap used', unit: 'MiB', tolerance: 8 },
  { name: 'open handles', unit: '', tolerance: 20 },
  { name: 'event-loop delay p99', unit: 'ms', tolerance: 10 },
] as const;

interface Worker {
  readonly worker: string;
  readonly pid: number;
  readonly memory: { readonly rss: number; readonly heapUsed: number };
  readonly eventLoopDelay: { readonly p99: number };
}

/** Looks at every worker, from outside and by its own account. Each look adds a point to every series. */
export function watchWorkers(url: string) {
  const points = new Map<string, { seconds: number; value: number }[]>();
  const startedAt = performance.now();
  const pids = new Set<number>();
  return {
    pids,
    async look(): Promise<void> {
      const answer = await fetch(`${url}/health/detailed`);
      const { workers } = (await answer.json()) as { workers: readonly Worker[] };
      const seconds = (performance.now() - startedAt) / 1000;
      for (const { pid, memory, eventLoopDelay } of workers) {
        pids.add(pid);
        const values = [
          memory.rss / BYTES_PER_MEBIBYTE,
          memory.heapUsed / BYTES_PER_MEBIBYTE,
          openHandlesOf(pid),
          eventLoopDelay.p99,
        ];
        for (const [index, value] of values.entries()) {
          const key = `${quantities[index]?.name} of worker ${[...pids].indexOf(pid) + 1}`;
          points.set(key, [...(points.get(key) ?? []), { seconds, value }]);
        }
      }
    },
    series(): Series[] {
      return [...points].flatMap(([name, own]) => {
        const quantity = quantities.find((one) => name.startsWith(one.name));
        return quantity === undefined ? [] : [{ ...quantity, name, points: own }];
      });
    },
  };
}
