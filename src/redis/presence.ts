/** What the connection tells of itself; each change once. */
export interface RedisLogger {
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
}

/** Whether Redis can be used just now, told to the log at each change. */
export function presence(logger: RedisLogger) {
  const contact = Promise.withResolvers<void>();
  let state: 'connecting' | 'up' | 'away' | 'over' = 'connecting';
  return {
    isUp: () => state === 'up',
    isAbsent: () => state === 'connecting' || state === 'away',
    /** Resolves when it was there, or away, for the first time. */
    firstContact: contact.promise,
    goAway(error: unknown): void {
      if (state === 'over' || state === 'away') return;
      state = 'away';
      contact.resolve();
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn('redis is away: limits go on per worker, each with its share', { reason });
    },
    comeBack(): void {
      if (state === 'over' || state === 'up') return;
      logger.info(state === 'away' ? 'redis is back: limits are shared again' : 'redis is connected');
      state = 'up';
      contact.resolve();
    },
    /** From now on nothing is told: it is us who leave. */
    end(): void {
      state = 'over';
      contact.resolve();
    },
  };
}
