import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { call } from './call.ts';

/** What clients saw. */
export interface PairedResult {
  /** Statuses other than 200. */
  readonly failures: readonly number[];
  /** What 99 of 100 answers took longer than their control, at most. Milliseconds. */
  readonly addedMs: number;
  /** What 99 of 100 controls took, at most. */
  readonly controlMs: number;
}

interface PairedOptions {
  readonly url: string;
  /** Makes a request its own control: what is measured leaves no trace on it. */
  readonly control: Readonly<Record<string, string>>;
}

/**
 * Asks twice at a time, once as a control: so what the machine adds, which is busy with other things as well, is not taken
 * for what is measured.
 */
export function pairedLoad({ url, control }: PairedOptions) {
  const agent = new Agent({ keepAlive: true });
  const added: number[] = [];
  const controls: number[] = [];
  const failures: number[] = [];
  let isStopped = false;
  let between: (() => void) | undefined;
  const timed = async (headers: Readonly<Record<string, string>>) => {
    const startedAt = performance.now();
    const { status } = await call(url, { agent, headers });
    if (status !== 200) failures.push(status);
    return performance.now() - startedAt;
  };
  const run = async () => {
    while (!isStopped) {
      const [measured, unmeasured] = await Promise.all([timed({}), timed(control)]);
      added.push(measured - unmeasured);
      controls.push(unmeasured);
      await pause(5);
      between?.();
    }
  };
  const running = run();
  return {
    /** Does what would disturb the measurement, while nothing is measured. */
    rest<T>(work: () => T): Promise<T> {
      return new Promise((resolve) => {
        between = () => {
          between = undefined;
          resolve(work());
        };
      });
    },
    count: () => added.length,
    async stop(): Promise<PairedResult> {
      isStopped = true;
      await running;
      agent.destroy();
      return { failures, addedMs: p99(added), controlMs: p99(controls) };
    },
  };
}

/** By the nearest rank: of a hundred values the second largest. */
function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? 0;
}
