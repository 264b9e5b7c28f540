import type { Memory } from '../measure/process-account.ts';
import type { Percentiles } from '../measure/statistics.ts';

/** The medians of one contender's rounds at saturation. */
export interface SaturationRow extends Percentiles {
  readonly contender: string;
  readonly workers: number;
  readonly payload: string;
  readonly requestsPerSecond: number;
  /** Per request, in microseconds. */
  readonly cpu: number;
  readonly cpuUser: number;
  readonly cpuSystem: number;
  /** Millions of bytes of bodies per second of CPU time. */
  readonly megabytesPerCpuSecond: number;
  /** Of the rounds, per request, in microseconds. */
  readonly cpuLeast: number;
  readonly cpuMost: number;
}

/** The medians of one contender's rounds at a fixed rate. */
export interface OpenLoopRow extends Percentiles {
  readonly contender: string;
  readonly workers: number;
  readonly payload: string;
  readonly perSecond: number;
  readonly cpu: number;
  /** How late the generator was, in milliseconds. */
  readonly lateP50: number;
  readonly lateP99: number;
}

/** What a contender's processes hold after all rounds, in KiB. */
export interface MemoryRow extends Memory {
  readonly contender: string;
  readonly workers: number;
}

/** What `npm run bench` finds. */
export interface Comparison {
  /** Processes that wanted to run before the start: more than a few tenths mean a machine that is not quiet. */
  readonly loadBefore: number;
  readonly rounds: number;
  readonly connections: number;
  readonly saturation: readonly SaturationRow[];
  readonly openLoop: readonly OpenLoopRow[];
  readonly memory: readonly MemoryRow[];
}

/** What `--idle` finds. */
export interface IdleFigures {
  readonly connections: number;
  readonly kibibytesPerConnection: number;
  /** Of other clients' requests, in milliseconds. */
  readonly without: Percentiles;
  readonly with: Percentiles;
}

/** What `--scale` finds. CPU time per request in microseconds, memory in KiB. */
export interface ScaleFigures {
  readonly routes: number;
  readonly users: number;
  readonly requestsPerUser: number;
  readonly cpuOfFew: number;
  readonly cpuOfManyRoutes: number;
  readonly cpuOfMany: number;
  /** Each request of a user who was never seen before. */
  readonly cpuOfStrangers: number;
  readonly residentBefore: number;
  readonly residentAfter: number;
  readonly redisBefore: number;
  readonly redisAfter: number;
}

/** A part of the way of a request, and its share of the CPU time. */
export interface Share {
  readonly owner: string;
  readonly percent: number;
}

/** What `--profile` finds. */
export interface ProfileFigures {
  readonly seconds: number;
  readonly requests: number;
  readonly microsecondsPerRequest: number;
  readonly shares: readonly Share[];
}

/** One quantity over the time of a soak. */
export interface Trend {
  readonly name: string;
  readonly unit: string;
  /** Over the second half. */
  readonly median: number;
  readonly growth: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

/** What `npm run bench:soak` finds. */
export interface SoakFigures {
  readonly minutes: number;
  readonly trends: readonly Trend[];
  readonly events: Readonly<Record<string, number>>;
  readonly restarts: number;
  readonly isSound: boolean;
}

/** All that is known of one commit. Each mode of the benchmark writes its own part. */
export interface Result {
  readonly commit: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  readonly comparison?: Comparison;
  readonly idle?: IdleFigures;
  readonly scale?: ScaleFigures;
  readonly profile?: ProfileFigures;
  readonly soak?: SoakFigures;
}
