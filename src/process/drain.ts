import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Clients that keep their connection busy send their next request within this time, and are told to close then. */
const LINGER_MS = 500;

const SWEEP_INTERVAL_MS = 50;

/** Ends a server without failing a request. */
export interface Drain {
  isDraining(): boolean;
  /** Resolves when every connection has ended, or has been cut at the end of the grace period. */
  start(): Promise<void>;
}

/**
 * Prepares a server for its end. The order matters:
 * 1. no new connections: under PM2 the other workers get them;
 * 2. each kept-alive connection learns `Connection: close` with its next answer, so the client ends it and no request can
 *    cross with our closing it;
 * 3. what stays silent is closed after a while;
 * 4. what is still busy at the end of the grace period is cut.
 * @param graceMs milliseconds that requests in flight may take
 */
export function drainable(server: Server, { graceMs }: { graceMs: number }): Drain {
  const unanswered = new Set<ServerResponse>();
  let isDraining = false;
  // First of the listeners, so that it comes before any stage sends a head.
  server.prependListener('request', (_req, res) => {
    if (isDraining) res.shouldKeepAlive = false;
    unanswered.add(res);
    res.once('close', () => unanswered.delete(res));
  });
  return {
    isDraining: () => isDraining,
    async start() {
      isDraining = true;
      for (const res of unanswered) res.shouldKeepAlive = false;
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      // Not http's own close(): it would close idle connections at once, under the feet of clients about to use them.
      NetServer.prototype.close.call(server, () => resolve());
      const sweeper = sweepIdle(server);
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
      sweeper.stop();
    },
  };
}

function sweepIdle(server: Server): { stop(): void } {
  const stopped = new AbortController();
  const sweep = async () => {
    await sleep(LINGER_MS, undefined, { signal: stopped.signal });
    while (!stopped.signal.aborted) {
      server.closeIdleConnections();
      await sleep(SWEEP_INTERVAL_MS, undefined, { signal: stopped.signal });
    }
  };
  sweep().catch(() => undefined);
  return { stop: () => stopped.abort() };
}
