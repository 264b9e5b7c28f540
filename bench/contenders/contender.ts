/** Where a contender starts. */
export interface Start {
  /** How many processes, or threads, serve. */
  readonly workers: number;
  readonly upstreamPort: number;
  readonly redisPort: number;
  /** For what it writes; it is removed at the end. */
  readonly folder: string;
}

/** A contender that serves. */
export interface RunningContender {
  readonly port: number;
  /** The first of its processes: what is measured is this one and all that it has started. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** Something that forwards `/api/v1/crm/*`, without this prefix, to the upstream. */
export interface Contender {
  readonly name: string;
  /** What it is and does, for readers. */
  readonly title: string;
  /** Whether it checks tokens. */
  readonly isGuarded: boolean;
  readonly start: (options: Start) => Promise<RunningContender>;
}

/** The path of every request to a contender begins with it. */
export const PREFIX = '/api/v1/crm';

/** What stands for the upstream without anybody in front. */
export const DIRECT = 'direct';
