import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PendingAnswers } from './pending-answers.ts';

/** Clients that keep their connection busy send their next request within this time, and are told to close then. */
const LINGER_MS = 500;

const SWEEP_INTERVAL_MS = 50;

/** Ends a server without failing a request. Resolves when every connection has ended, or has been cut. */
export type Drain = () => Promise<void>;

interface DrainOptions {
  readonly pending: Pick<PendingAnswers, 'all' | 'untouched'>;
  /** Connections that have left HTTP: the server does not see them. */
  readonly upgraded: {
    /** Tells their ends that we are going away. */
    close(): void;
    cut(): void;
  };
  /** Milliseconds that requests in flight may take. */
  readonly graceMs: number;
}

/**
 * Prepares a server for its end. The order matters:
 * 1. no new connections: under PM2 the other workers get them;
 * 2. each kept-alive connection learns `Connection: close` with its next answer, so the client ends it and no request can
 *    cross with our closing it;
 * 3. WebSockets are told to come back, to another worker;
 * 4. what stays silent is closed after a while;
 * 5. what is still busy at the end of the grace period is cut.
 */
export function drainable(server: Server, { pending, upgraded, graceMs }: DrainOptions): Drain {
  let isDraining = false;
  // First of the listeners, so that it comes before any stage sends a head.
  server.prependListener('request', (_req, res) => {
    if (isDraining) res.shouldKeepAlive = false;
  });
  return async function drain() {
    isDraining = true;
    for (const res of pending.all()) res.shouldKeepAlive = false;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    // Not http's own close(): it would close idle connections at once, under the feet of clients about to use them.
    NetServer.prototype.close.call(server, () => resolve());
    upgraded.close();
    const sweeper = sweepIdle(server, pending);
    const cut = setTimeout(() => {
      // Without chunks, the end of the connection could pass for the end of the body.
      for (const res of pending.all()) if (res.headersSent && !res.chunkedEncoding) res.socket?.resetAndDestroy();
      server.closeAllConnections();
      upgraded.cut();
    }, graceMs);
    await closed;
    clearTimeout(cut);
    sweeper.stop();
  };
}

function sweepIdle(server: Server, pending: DrainOptions['pending']): { stop(): void } {
  const stopped = new AbortController();
  const sweep = async () => {
    await sleep(LINGER_MS, undefined, { signal: stopped.signal });
    while (!stopped.signal.aborted) {
      server.closeIdleConnections();
      // To Node they are not idle but about to begin, and would be waited for until the end of the grace period.
      for (const socket of pending.untouched()) socket.destroy();
      await sleep(SWEEP_INTERVAL_MS, undefined, { signal: stopped.signal });
    }
  };
  sweep().catch(() => undefined);
  return { stop: () => stopped.abort() };
}
