import type { Socket } from 'node:net';
import { buildConnector, Pool } from 'undici';
import type { UpstreamSettings } from '../config/schema.ts';
import { type Address, followAddresses, type Resolve } from './follow-addresses.ts';
import { freeWhatIsSent } from './free-chunk.ts';
import { markConnection } from './is-stale.ts';

interface PoolOptions {
  /** `http(s)://host[:port]` */
  readonly origin: string;
  readonly settings: Pick<UpstreamSettings, 'maxConnections' | 'resolveEveryMs'>;
  /** Longest wait for a connection that any route allows. */
  readonly connectTimeoutMs: number;
  readonly resolve: Resolve;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  readonly onMove: (addresses: readonly Address[]) => void;
  readonly onResolveError: (error: unknown) => void;
}

/** The connections to one instance. */
export interface ConnectionPool {
  /** Kept-alive connections. */
  kept(): Pool;
  /** A connection of its own for each request: the next idle one may be as stale as the last. */
  fresh(): Pool;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

/** Opens connections to one instance, and goes where it goes. */
export function connectionPool(options: PoolOptions): ConnectionPool {
  const { origin, settings, connectTimeoutMs, resolve, clock, onMove, onResolveError } = options;
  const retired = new Set<Pool>();
  const follower = followAddresses({
    host: new URL(origin).hostname.replace(/^\[|\]$/g, ''),
    everyMs: settings.resolveEveryMs,
    resolve,
    onMove(addresses) {
      // What is under way ends where it began; whatever comes next goes to the new address.
      for (const pool of [kept, fresh]) retire(pool, retired);
      [kept, fresh] = open();
      onMove(addresses);
    },
    onError: onResolveError,
  });
  const { lookup } = follower;
  // HTTP/1.1 is what all of this is made for and tested with; undici would take HTTP/2 from whoever offers it over TLS.
  const connector = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    ...(lookup === undefined ? {} : { lookup }),
  });
  const attempts = trackedAttempts(connector);
  const common: Pool.Options = {
    ...FIXED,
    connections: settings.maxConnections,
    connect: withPlainErrors(attempts.connect, clock),
  };
  const open = (): [Pool, Pool] => [new Pool(origin, common), new Pool(origin, { ...common, pipelining: 0 })];
  let [kept, fresh] = open();
  return {
    kept: () => kept,
    fresh: () => fresh,
    async close() {
      follower.close();
      await Promise.all([kept, fresh, ...retired].map((pool) => pool.destroy()));
      attempts.giveUp();
    },
  };
}

const FIXED: Pool.Options = {
  // The deadline for the head is our own: it starts when the request has been sent, and is exact.
  headersTimeout: 0,
  // Shorter than the 5 s after which Node's servers close an idle connection, so that we close it first.
  keepAliveTimeout: 4000,
  keepAliveMaxTimeout: 60_000,
  maxHeaderSize: 32_768,
};

function retire(pool: Pool, retired: Set<Pool>): void {
  retired.add(pool);
  pool.close().then(
    () => retired.delete(pool),
    () => retired.delete(pool),
  );
}

/** Knows the connections that are still being made: a pool that is destroyed leaves them to their timeout. */
function trackedAttempts(connect: buildConnector.connector) {
  const underWay = new Set<Socket>();
  return {
    connect: ((options, callback) => {
      // undici's connector returns the socket, which its types don't tell.
      const socket: unknown = connect(options, (...result) => {
        underWay.delete(socket as Socket);
        callback(...result);
      });
      underWay.add(socket as Socket);
    }) satisfies buildConnector.connector,
    giveUp() {
      for (const socket of underWay) socket.destroy();
    },
  };
}

/**
 * Lets a connection that has been made fail in one way only. undici takes `ECONNRESET` for the end of a body without a
 * length, and lets it fail requests that only wait for the idle connection it comes from; and `ETIMEDOUT` or the error of
 * a TLS record would look as if there had been no connection, and nothing sent on it.
 */
function withPlainErrors(connect: buildConnector.connector, clock: () => number): buildConnector.connector {
  return function connectWithPlainErrors(options, callback) {
    connect(options, (...result) => {
      const connectedAt = clock();
      // Before undici listens itself, so that it sees the error as we leave it.
      result[1]?.on('error', (error: NodeJS.ErrnoException) => {
        if (isOfConnection(error)) error.code = 'UND_ERR_SOCKET';
        markConnection(error, connectedAt);
      });
      if (result[1]) freeWhatIsSent(result[1]);
      callback(...result);
    });
  };
}

/** Of the operating system or of OpenSSL; undici's own errors know better what they are. */
function isOfConnection(error: NodeJS.ErrnoException): boolean {
  return error.syscall !== undefined || 'library' in error;
}
