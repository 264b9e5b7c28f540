import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type HealthSources, redisStatus } from './health-report.ts';

/** What one worker knows of itself. */
export interface WorkerDetails {
  readonly worker: string;
  readonly pid: number;
  readonly isReady: boolean;
  /** Seconds. */
  readonly uptime: number;
  readonly redis: {
    readonly status: 'up' | 'down' | 'refusing';
    /** What it has refused since the worker started. */
    readonly refused: readonly object[];
  };
  /** How well it knows revocations, API keys and tenants, and how many of each there are. */
  readonly sharedState: object;
  /** Bytes. */
  readonly memory: { readonly rss: number; readonly heapUsed: number; readonly external: number };
  /** Milliseconds, since the last look. */
  readonly eventLoopDelay: { readonly mean: number; readonly p99: number; readonly max: number };
  readonly circuitBreakers: Readonly<Record<string, object>>;
  /** By upstream: each instance with its state. */
  readonly instances: Readonly<Record<string, readonly object[]>>;
}

interface WorkerDetailsSources {
  readonly worker: string;
  readonly pid: number;
  readonly isReady: () => boolean;
  readonly isRedisAway: () => boolean;
  readonly refusedByRedis: HealthSources['refusedByRedis'];
  readonly uptimeSeconds: () => number;
  readonly memory: () => { rss: number; heapUsed: number; external: number };
  readonly sharedState: () => object;
  readonly breakers: () => Readonly<Record<string, object>>;
  readonly instances: () => Readonly<Record<string, readonly object[]>>;
}

const NANOSECONDS_PER_MS = 1e6;

/** Returns a function that describes this worker at the moment of the call. */
export function workerDetails(sources: WorkerDetailsSources): () => WorkerDetails {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const milliseconds = (nanoseconds: number) =>
    Number.isFinite(nanoseconds) ? Math.round(nanoseconds / NANOSECONDS_PER_MS) : 0;
  return function workerDetails() {
    const { rss, heapUsed, external } = sources.memory();
    const eventLoopDelay = {
      mean: milliseconds(delay.mean),
      p99: milliseconds(delay.percentile(99)),
      max: milliseconds(delay.max),
    };
    delay.reset();
    return {
      worker: sources.worker,
      pid: sources.pid,
      isReady: sources.isReady(),
      uptime: Math.round(sources.uptimeSeconds()),
      redis: { status: redisStatus(sources), refused: sources.refusedByRedis() },
      sharedState: sources.sharedState(),
      memory: { rss, heapUsed, external },
      eventLoopDelay,
      circuitBreakers: sources.breakers(),
      instances: sources.instances(),
    };
  };
}
