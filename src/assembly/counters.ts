import { sharedCounter } from '../rate-limit/shared-counter.ts';
import type { AppOptions } from './app-options.ts';

/** The three limits of the contract with their counters. */
export function countersOf({ config, redis, worker, time }: AppOptions) {
  const { settings } = config;
  const windowMs = settings.RATE_LIMIT_WINDOW_MS;
  const limitOf = (name: string, limit: number) => ({
    limit,
    counter: sharedCounter({
      link: redis,
      prefix: `psa:limit:${name}:`,
      limit,
      windowMs,
      workers: worker.siblings,
      time,
    }),
  });
  return {
    windowMs,
    anonymous: limitOf('anonymous', settings.RATE_LIMIT_MAX_REQUESTS),
    user: limitOf('user', settings.USER_RATE_LIMIT_MAX),
    loginFailures: limitOf('login-failures', settings.AUTH_RATE_LIMIT_MAX),
  };
}
