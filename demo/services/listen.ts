import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LiveTickets } from './tickets/live-tickets.ts';

// Longer than the gateway keeps an idle connection, so that it never reuses one that we are closing.
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const CLOSE_GRACE_MS = 1000;

/** A server that accepts connections. */
export interface Listener {
  port: number;
  /** Stops accepting, lets requests in flight finish for a second, then cuts them. */
  close: () => Promise<void>;
}

interface ListenOptions {
  port: number;
  host: string;
  /** WebSockets, if there are any. */
  live?: Pick<LiveTickets, 'accept' | 'close'> | undefined;
}

/**
 * Serves on an address; port 0 takes a free one.
 * @throws when the address can't be had
 */
export async function listen(app: RequestListener, { port, host, live }: ListenOptions): Promise<Listener> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS }, app);
  if (live !== undefined) server.on('upgrade', live.accept);
  server.listen(port, host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close };

  async function close(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    live?.close();
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    await closed;
    clearTimeout(cut);
  }
}
