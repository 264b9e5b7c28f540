import type { IncomingMessage } from 'node:http';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { UpstreamSettings } from '../config/schema.ts';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { Exchange } from './exchange.ts';
import type { Forward, Outcome } from './forward.ts';

/** A connection pool to one upstream and the `Forward` that uses it. */
export interface Transport {
  readonly forward: Forward;
  /** Ends every connection at once. It comes after the drain: whatever is still busy then has no client any more. */
  close(): Promise<void>;
}

interface TransportOptions {
  readonly settings: UpstreamSettings;
  readonly outgoingHeaders: (req: IncomingMessage) => string[];
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

/** Forwards through a pool of kept-alive connections. */
export function undiciTransport({ settings, outgoingHeaders, clock }: TransportOptions): Transport {
  const pool = poolTo(settings);
  // A repeated call gets a connection of its own: the next idle one may be as stale as the first.
  const unkept = poolTo(settings, { pipelining: 0 });
  const isFull = () => pool.stats.running >= settings.maxConnections;
  const forward: Forward = (req, res) =>
    new Promise<Outcome>((resolve, reject) => {
      // It left while an earlier stage was waiting; nothing would tell us a second time.
      if (res.destroyed) throw new Problem('client_closed');
      const exchange = new Exchange({ req, res, settings, clock, isFull, resolve, reject });
      try {
        const options = {
          path: exchange.path,
          method: req.method as Dispatcher.HttpMethod,
          headers: outgoingHeaders(req),
          body: exchange.body.stream,
        };
        const isRepeated = contextOf(req).upstream?.retries !== undefined;
        (isRepeated ? unkept : pool).dispatch(options, exchange);
      } catch (error) {
        exchange.fail(error);
      }
    });
  return {
    forward,
    async close() {
      await Promise.all([pool.destroy(), unkept.destroy()]);
    },
  };
}

function poolTo(settings: UpstreamSettings, options: Pool.Options = {}): Pool {
  return new Pool(settings.url, {
    connections: settings.maxConnections,
    // HTTP/1.1 is what all of this is made for and tested with; undici would take HTTP/2 from whoever offers it over TLS.
    connect: withPlainResets(buildConnector({ timeout: settings.connectTimeoutMs, allowH2: false })),
    bodyTimeout: settings.idleTimeoutMs,
    // The deadline for the head is our own: it starts when the request has been sent, and is exact.
    headersTimeout: 0,
    // Shorter than the 5 s after which Node's servers close an idle connection, so that we close it first.
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 60_000,
    maxHeaderSize: 32_768,
    ...options,
  });
}

/**
 * undici takes `ECONNRESET` for the end of a body without a length, and lets it fail requests that only wait for the idle
 * connection it comes from. As a socket error of undici's own it is a failure, and of the request under way alone.
 */
function withPlainResets(connect: buildConnector.connector): buildConnector.connector {
  return function connectWithPlainResets(options, callback) {
    connect(options, (...result) => {
      // Before undici listens itself, so that it sees the code as we leave it.
      result[1]?.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNRESET') error.code = 'UND_ERR_SOCKET';
      });
      callback(...result);
    });
  };
}
