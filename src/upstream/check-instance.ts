import type { Pool } from 'undici';
import type { UpstreamSettings } from '../config/schema.ts';

interface CheckOptions {
  readonly settings: NonNullable<UpstreamSettings['healthCheck']>;
  /** Where connections of their own are had: a check is to tell whether the instance takes new ones. */
  readonly pool: () => Pool;
  readonly onResult: (isGood: boolean) => void;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** An answer is read to its end, up to this. */
const MAX_BYTES = 65_536;

/** Asks an instance how it is, again and again. Returns what ends it. */
export function checkInstance({ settings, pool, onResult, random }: CheckOptions): () => void {
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const check = async () => {
    const isGood = await isHealthy();
    if (stopped.signal.aborted) return;
    onResult(isGood);
    // Workers and machines that started together drift apart, instead of asking all at the same moment.
    timer = setTimeout(check, settings.intervalMs * (0.9 + 0.2 * random()));
    timer.unref();
  };
  const isHealthy = async () => {
    // For the head and the body together.
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(settings.timeoutMs)]);
    try {
      const { statusCode, body } = await pool().request({
        path: settings.path,
        method: 'GET',
        headers: { 'user-agent': 'psa-api-gateway health check' },
        signal,
      });
      await body.dump({ limit: MAX_BYTES, signal });
      return statusCode >= 200 && statusCode < 300;
    } catch {
      return false;
    }
  };
  // It never rejects.
  void check();
  return () => {
    stopped.abort();
    clearTimeout(timer);
  };
}
