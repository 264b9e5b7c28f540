/** Something that is fetched ahead, again and again. */
export interface Refresher {
  /** Fetches now, or joins the fetch that is under way. Never rejects. */
  run(): Promise<void>;
  /** The fetch that is under way. */
  underWay(): Promise<void> | undefined;
  /** Whether the last fetch failed. */
  isFailing(): boolean;
  /** Until the next fetch; at least 1. */
  secondsToNext(): number;
  counts(): { readonly ok: number; readonly failed: number };
  close(): void;
}

interface RefresherOptions {
  /** Fetches once. Rejects if that fails, which `signal` demands when nobody needs it any more. */
  readonly fetch: (signal: AbortSignal) => Promise<void>;
  readonly intervalMs: number;
  /** Milliseconds; only differences count. */
  readonly clock: () => number;
  /** Told of the first failure after a success, and of the first success after a failure. */
  readonly onChange: (failure: unknown) => void;
}

/** After a failure: at first so long, and then twice as long each time, up to the ordinary interval. */
const FIRST_RETRY_MS = 1000;

/** Fetches at once, and then at intervals; sooner after a failure. */
export function refresher({ fetch, intervalMs, clock, onChange }: RefresherOptions): Refresher {
  const ending = new AbortController();
  const counts = { ok: 0, failed: 0 };
  let failuresInARow = 0;
  let nextAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;

  const settle = (failure: unknown) => {
    const wasFailing = failuresInARow > 0;
    failuresInARow = failure === undefined ? 0 : failuresInARow + 1;
    counts[failure === undefined ? 'ok' : 'failed']++;
    underWay = undefined;
    if (ending.signal.aborted) return;
    if (wasFailing !== failuresInARow > 0) onChange(failure);
    const delayMs = delayAfter(failuresInARow, intervalMs);
    nextAt = clock() + delayMs;
    clearTimeout(timer);
    timer = setTimeout(run, delayMs).unref();
  };
  const run = () => {
    underWay ??= fetch(ending.signal).then(
      () => settle(undefined),
      (error: unknown) => settle(error ?? new Error('failed')),
    );
    return underWay;
  };
  return {
    run,
    underWay: () => underWay,
    isFailing: () => failuresInARow > 0,
    secondsToNext: () => Math.max(1, Math.ceil((nextAt - clock()) / 1000)),
    counts: () => ({ ...counts }),
    close() {
      clearTimeout(timer);
      ending.abort();
    },
  };
}

/** Spread by a tenth, so that the workers of a fleet don't all come at once. */
function delayAfter(failures: number, intervalMs: number): number {
  const delayMs = failures === 0 ? intervalMs : Math.min(intervalMs, FIRST_RETRY_MS * 2 ** (failures - 1));
  return delayMs * (1 - Math.random() / 10);
}
