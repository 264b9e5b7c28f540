interface DeadlineOptions {
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  readonly onPassed: () => void;
}

/** When something must have happened. It moves as the work goes on. */
export class Deadline {
  readonly #options: DeadlineOptions;
  #timer: NodeJS.Timeout | undefined;
  #ms: number = Number.POSITIVE_INFINITY;
  /** Clock reading. */
  #dueAt: number = Number.POSITIVE_INFINITY;

  constructor(options: DeadlineOptions) {
    this.#options = options;
  }

  /** In so many milliseconds; Infinity is never. */
  set(ms: number): void {
    clearTimeout(this.#timer);
    this.#ms = ms;
    this.#dueAt = this.#options.clock() + ms;
    this.#timer = Number.isFinite(ms) ? setTimeout(() => this.#onTimer(), Math.max(0, ms)) : undefined;
  }

  /** The same, for one that is moved by the same time again and again, with each chunk of a body. */
  renew(ms: number): void {
    if (ms !== this.#ms) return this.set(ms);
    this.#dueAt = this.#options.clock() + ms;
    this.#timer?.refresh();
  }

  clear(): void {
    this.set(Number.POSITIVE_INFINITY);
  }

  /**
   * After a stall of the event loop timers come first, and what has arrived meanwhile is read after them: it gets the turn
   * that it needs to show that it was in time.
   */
  #onTimer(): void {
    setImmediate(() => {
      if (this.#dueAt === Number.POSITIVE_INFINITY) return;
      const leftMs = this.#dueAt - this.#options.clock();
      if (leftMs <= 0) return this.#options.onPassed();
      // It has been moved meanwhile; or the timer was early, as Node counts from the beginning of the turn that set it.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#onTimer(), leftMs);
    });
  }
}
