import { lastUseKey } from './key-record.ts';

/** Of one key, a worker tells at most so often. */
const INTERVAL_MS = 60_000;

/** What came together is told together. */
const COLLECT_MS = 1000;

/** A key that nobody has used for so long is shown as never used. */
const KEPT_SECONDS = 90 * 86_400;

interface LastUseOptions {
  readonly link: {
    isAway(): boolean;
    command(...args: [string, ...string[]]): Promise<unknown>;
  };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Which keys are in use, told to Redis without any request waiting for it. */
export interface LastUse {
  used(id: string): void;
  /** Tells what has not been told yet. */
  flush(): Promise<void>;
}

/** Notes when each API key was last used, to the minute, for the operator's list. */
export function lastUse({ link, now }: LastUseOptions): LastUse {
  /** By key; there are no more of them than keys. */
  const toldAtMs = new Map<string, number>();
  const untold = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    const ids = [...untold];
    untold.clear();
    if (link.isAway()) return;
    const tell = (id: string) =>
      link.command('SET', lastUseKey(id), String(toldAtMs.get(id)), 'EX', String(KEPT_SECONDS));
    // What gets lost is told a minute later, if the key is still in use then.
    await Promise.allSettled(ids.map(tell));
  };
  return {
    used(id) {
      const nowMs = now();
      if (nowMs - (toldAtMs.get(id) ?? 0) < INTERVAL_MS) return;
      toldAtMs.set(id, nowMs);
      untold.add(id);
      timer ??= setTimeout(() => void flush(), COLLECT_MS).unref();
    },
    flush,
  };
}
