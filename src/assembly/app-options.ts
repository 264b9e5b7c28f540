import type { Config } from '../config/load-config.ts';
import type { WorkerDetails } from '../health/worker-details.ts';
import type { Logger } from '../observe/logger.ts';
import type { CounterLink } from '../rate-limit/shared-counter.ts';
import type { Refused } from '../redis/refusals.ts';
import type { Resolve } from '../upstream/follow-addresses.ts';

/** What the process lends the pipeline. */
export interface AppOptions {
  readonly config: Config;
  readonly redis: CounterLink & { refused(): readonly Refused[] };
  readonly logger: Logger;
  /** This worker, and how many share the limits while Redis is away. */
  readonly worker: {
    readonly id: string;
    readonly pid: number;
    readonly version: string;
    readonly siblings: number;
  };
  readonly isReady: () => boolean;
  readonly memory: () => NodeJS.MemoryUsage;
  readonly allWorkers: () => Promise<readonly WorkerDetails[]>;
  /** Milliseconds: `clock` is monotonic, for durations; `now` is since 1970, for dates. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
  /** Where the hosts of the upstreams are. */
  readonly resolve: Resolve;
}
