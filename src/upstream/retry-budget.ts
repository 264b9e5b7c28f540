/** How many further tries an upstream gets, measured by its requests. */
export interface RetryBudget {
  /** One request has come in. */
  deposit(): void;
  /** Whether there is a further try in it. */
  hasLeft(): boolean;
  /** Takes one further try out; false if there is none. */
  withdraw(): boolean;
}

interface RetryBudgetOptions {
  /** Tries in percent of the requests of the window. */
  readonly percent: number;
  /** Tries that are allowed in the window whatever the percentage says. */
  readonly minimum: number;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

const WINDOW_SECONDS = 10;

/**
 * A budget over the last ten seconds. Tries help against one failure in a while; when everything fails they would only
 * multiply the load of a service that can't bear what it has.
 * @see Envoy's `retry_budget`; Finagle's RetryBudget
 */
export function retryBudget({ percent, minimum, clock }: RetryBudgetOptions): RetryBudget {
  const requests = slidingCount(clock);
  const retries = slidingCount(clock);
  const hasLeft = () => retries.total() + 1 <= Math.max(minimum, (requests.total() * percent) / 100);
  return {
    deposit: () => requests.add(),
    hasLeft,
    withdraw() {
      if (!hasLeft()) return false;
      retries.add();
      return true;
    },
  };
}

/** Counts events of the last ten seconds, by the second. */
function slidingCount(clock: () => number) {
  const counts = new Array<number>(WINDOW_SECONDS).fill(0);
  let current = Math.floor(clock() / 1000);
  const advance = () => {
    const second = Math.floor(clock() / 1000);
    // After a longer pause every second of the window is a new one.
    current = Math.max(current, second - WINDOW_SECONDS);
    while (current < second) counts[++current % WINDOW_SECONDS] = 0;
  };
  return {
    add() {
      advance();
      const slot = current % WINDOW_SECONDS;
      counts[slot] = (counts[slot] ?? 0) + 1;
    },
    total() {
      advance();
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}
