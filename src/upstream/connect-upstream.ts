import type { IncomingMessage } from 'node:http';
import type { UpstreamSettings } from '../config/schema.ts';
import type { WebSocketPart } from './answer-upgrade.ts';
import { checkInstance } from './check-instance.ts';
import { type ConnectionPool, connectionPool } from './connection-pool.ts';
import type { Resolve } from './follow-addresses.ts';
import type { Forward } from './forward.ts';
import { type InstanceReport, instancesOf, type Way } from './instances.ts';
import { undiciTransport } from './undici-transport.ts';
import { type Breaker, withBreaker } from './with-breaker.ts';
import { withCall } from './with-call.ts';
import { type ConcurrencyReport, withConcurrencyLimit } from './with-concurrency-limit.ts';
import { withRetry } from './with-retry.ts';

interface UpstreamOptions {
  readonly name: string;
  readonly settings: UpstreamSettings;
  /** Longest wait for a connection that any of its routes allows, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** A client that takes nothing of its answer for so long is cut off. */
  readonly sendTimeoutMs: number;
  readonly outgoingHeaders: (req: IncomingMessage) => string[];
  readonly webSockets: WebSocketPart;
  readonly resolve: Resolve;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** Whether this worker is late itself: then times tell nothing of the upstream. */
  readonly isLate: () => boolean;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Record<'info' | 'warn', (message: string, details?: object) => void>;
}

/** An upstream, ready to be called. */
export interface Upstream {
  readonly name: string;
  readonly forward: Forward;
  readonly breaker: Pick<Breaker, 'report'>;
  instances(): readonly InstanceReport[];
  concurrency(): ConcurrencyReport;
  /** Ends every connection at once. It comes after the drain: whatever is still busy then has no client any more. */
  close(): Promise<void>;
}

/** An instance's way, with the connections that it goes over. */
interface PooledWay extends Way {
  readonly pool: ConnectionPool;
}

/**
 * The way to an upstream. From the outside in: what the tries of a request share; the breaker, which judges the request as
 * its client sees it; the limit to requests at a time; the tries; the choice of an instance; and for each instance the
 * transport over its connections.
 */
export function connectUpstream(options: UpstreamOptions): Upstream {
  const { name, settings, clock, isLate, random, logger } = options;
  const instances = instancesOf<PooledWay>({
    settings,
    wayTo: wayTo(options),
    clock,
    random,
    onChange: (instance, state) =>
      logger.warn(`an instance of ${name} is ${state}`, { upstream: name, instance, state }),
  });
  const tried = withRetry(instances.forward, { settings: settings.retry, untried: instances.untried, clock, random });
  const limited = withConcurrencyLimit(tried, { settings, time: { clock, now: Date.now }, isLate });
  const breaker = withBreaker(limited.forward, {
    name,
    settings: settings.breaker,
    clock,
    onChange: (state) => logger.warn(`circuit breaker of ${name} is ${state}`, { upstream: name, state }),
  });
  const { healthCheck } = settings;
  const checks = instances.all.map(({ health, way }) =>
    healthCheck === undefined
      ? () => undefined
      : checkInstance({
          settings: healthCheck,
          pool: way.pool.fresh,
          onResult: (isGood) => health.checked(isGood),
          random,
        }),
  );
  return {
    name,
    forward: withCall(breaker.forward, { settings, clock }),
    breaker,
    instances: instances.report,
    concurrency: limited.report,
    async close() {
      for (const stop of checks) stop();
      breaker.close();
      await Promise.all(instances.all.map(({ way }) => way.pool.close()));
    },
  };
}

function wayTo({
  name,
  settings,
  connectTimeoutMs,
  sendTimeoutMs,
  outgoingHeaders,
  webSockets,
  resolve,
  clock,
  logger,
}: UpstreamOptions) {
  return (origin: string, onAnswered: (isWhole: boolean) => void): PooledWay => {
    const pool = connectionPool({
      origin,
      settings,
      connectTimeoutMs,
      resolve,
      clock,
      onMove: (addresses) =>
        logger.info(`an instance of ${name} has moved`, {
          upstream: name,
          instance: origin,
          addresses: addresses.map(({ address }) => address),
        }),
      onResolveError: (error) =>
        logger.warn(`the address of an instance of ${name} can not be looked up`, {
          upstream: name,
          instance: origin,
          error: String(error),
        }),
    });
    const transport = undiciTransport({
      origin,
      pool,
      maxConnections: settings.maxConnections,
      outgoingHeaders,
      sendTimeoutMs,
      clock,
      webSockets,
      onAnswered,
    });
    return { pool, ...transport };
  };
}
