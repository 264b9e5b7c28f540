import { Agent } from 'node:http';
import { call } from './call.ts';

/** What has become of the requests so far. */
export interface LoadCounts {
  served: number;
  refused: number;
  /** Of the slowest refusal. */
  slowestRefusalMs: number;
  /** Answered otherwise, or not at all. */
  failed: number;
}

const TICK_MS = 10;

/**
 * Sends so many requests per second, whether or not earlier ones have been answered: clients of the internet don't wait for
 * each other. For rates that a test can afford.
 */
export function steadyLoad({ url, perSecond }: { url: string; perSecond: number }) {
  const agent = new Agent({ keepAlive: true });
  const counts: LoadCounts = { served: 0, refused: 0, slowestRefusalMs: 0, failed: 0 };
  const underWay = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;
  const send = async () => {
    const sentAt = performance.now();
    const { status } = await call(url, { agent });
    if (status === 200) counts.served++;
    else if (status === 503) {
      counts.refused++;
      counts.slowestRefusalMs = Math.max(counts.slowestRefusalMs, performance.now() - sentAt);
    } else counts.failed++;
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) * perSecond) / 1000;
    for (; sent < due; sent++) {
      const request = send().finally(() => underWay.delete(request));
      underWay.add(request);
    }
  }, TICK_MS);
  return {
    counts: (): Readonly<LoadCounts> => ({ ...counts }),
    /** Sends no more, and waits for the answers. */
    async stop(): Promise<LoadCounts> {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
      return counts;
    },
  };
}
