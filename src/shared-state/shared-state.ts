import { followChanges } from './follow-changes.ts';
import { type Freshness, freshness, type StateLogger } from './freshness.ts';
import { type KeptMirror, type Mirror, mirrorOf } from './mirror.ts';
import type { SendCommand, TableDefinition } from './stored-record.ts';

/** What it needs of the connection to Redis. */
export interface StateLink {
  isAway(): boolean;
  readonly command: SendCommand;
  beforeReturn(work: () => Promise<unknown>): void;
}

/** How well this worker knows what the operator has decided. */
export interface StateReport {
  readonly state: Freshness;
  /** Seconds since the last answer of Redis; before the first, since the start. */
  readonly ageSeconds: number;
  /** Records in memory, by table. */
  readonly records: Readonly<Record<string, number>>;
}

/** What the operator keeps in Redis, as each worker knows it: without asking for each request. */
export interface SharedState {
  /** Copies a table from now on. */
  mirror<T>(definition: TableDefinition<T>): Mirror<T>;
  /** Whether everything has been read at least once. */
  isKnown(): boolean;
  report(): StateReport;
  /** Calls when something may have changed. */
  onChange(listener: () => void): void;
  close(): void;
}

/** A change is known to every worker within twice this time: it may have asked just before. */
const POLL_INTERVAL_MS = 400;

const SWEEP_INTERVAL_MS = 60_000;

/** How soon to ask again after a failure: a Redis that tells only part of it would be asked for everything each time. */
const RETRY_MS = 5000;

interface SharedStateOptions {
  readonly link: StateLink;
  readonly logger: StateLogger;
  /** Milliseconds: `clock` is monotonic, `now` is since 1970. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
}

/**
 * Opens this worker's copies of what is kept in Redis. Keeping them costs one command every 400 ms for all tables together,
 * and none for a request.
 * @see docs/adr/0019-what-the-operator-decides-is-in-every-worker.md
 */
export function openSharedState({ link, logger, time }: SharedStateOptions): SharedState {
  const tables = new Map<string, KeptMirror<unknown>>();
  const listeners: (() => void)[] = [];
  const records = () => Object.fromEntries([...tables].map(([name, { size }]) => [name, size]));
  const known = freshness({ logger, clock: time.clock, records });
  const follow = followChanges({ command: link.command, tables, logger });
  let notBefore = Number.NEGATIVE_INFINITY;
  const poll = oneAtATime(async () => {
    try {
      const isChanged = await follow();
      notBefore = Number.NEGATIVE_INFINITY;
      known.answered();
      if (isChanged) for (const listener of listeners) listener();
    } catch (error) {
      known.failed(error);
      notBefore = time.clock() + RETRY_MS;
    }
  });
  // So a worker knows them before it serves, and again before Redis counts as back.
  link.beforeReturn(poll);
  const timer = setInterval(() => {
    if (!link.isAway() && time.clock() >= notBefore) void poll();
    known.judge();
  }, POLL_INTERVAL_MS).unref();
  const sweeper = setInterval(() => {
    for (const table of tables.values()) table.sweep();
  }, SWEEP_INTERVAL_MS).unref();
  return {
    mirror(definition) {
      const mirror = mirrorOf(definition, { command: link.command, now: time.now });
      tables.set(definition.name, mirror as KeptMirror<unknown>);
      return mirror;
    },
    isKnown: () => known.state() !== 'unknown',
    report: () => ({ state: known.state(), ageSeconds: known.ageSeconds(), records: records() }),
    onChange: (listener) => void listeners.push(listener),
    close() {
      clearInterval(timer);
      clearInterval(sweeper);
    },
  };
}

/** Whoever asks while it is under way waits for the same: two would read the same changes. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  return function oneAtATime() {
    underWay ??= work().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
