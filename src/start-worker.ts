import { lookup } from 'node:dns/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type App, createApp } from './app.ts';
import type { Config } from './config/load-config.ts';
import type { WorkerDetails } from './health/worker-details.ts';
import { answerMetrics } from './observe/answer-metrics.ts';
import { keptMetrics } from './observe/kept-metrics.ts';
import { type Logger, openLogger } from './observe/logger.ts';
import { type Snapshot, sumOfMetrics, textOfMetrics } from './observe/sum-metrics.ts';
import { randomHex } from './observe/trace-context.ts';
import { ownVersion } from './own-version.ts';
import { drainable } from './process/drain.ts';
import { adminServer, publicServer } from './process/listen.ts';
import { openWorkerExchange } from './process/worker-exchange.ts';
import { connectRedis } from './redis/connect.ts';

/** A worker that serves. */
export interface Worker {
  readonly logger: Logger;
  /** The ports that it listens on, also when PORT or ADMIN_PORT is 0. */
  readonly port: number;
  readonly adminPort: number;
  /** Drains, closes every connection and flushes the logs. Resolves when nothing is left to do. */
  stop(why: string): Promise<void>;
}

interface WorkerOptions {
  readonly config: Config;
  readonly pid: number;
  /** PM2's number of this worker; undefined when PM2 does not run it. */
  readonly instance: string | undefined;
  readonly memory: () => NodeJS.MemoryUsage;
  /** Where hosts are; by default what the operating system says. */
  readonly resolve?: Parameters<typeof createApp>[0]['resolve'];
}

const CONNECT_PATIENCE_MS = 2000;

/** Longer than the siblings have for their answers. */
const ADMIN_PATIENCE_MS = 1000;

/**
 * Brings one worker up: logs → Redis → pipeline → listener. Ready means that a request can be served.
 * @throws {Error} if the log folder or the port can't be had
 */
export async function startWorker({ config, pid, instance, memory, resolve }: WorkerOptions): Promise<Worker> {
  const { settings, gateway } = config;
  const id = instance ?? '0';
  const logger = openLogger(settings, id);
  const time = { clock: () => performance.now(), now: Date.now };
  const redis = connectRedis({ settings, logger, clock: time.clock });
  let state: 'starting' | 'ready' | 'draining' = 'starting';
  const app = createApp({
    config,
    redis,
    logger,
    worker: { id, pid, version: ownVersion(), siblings: siblingsOf(settings.PM2_INSTANCES, instance) },
    isReady: () => state === 'ready',
    memory,
    async allWorkers() {
      const answered = await exchange.ask<WorkerDetails>('details');
      return answered.map(({ answer }) => answer).toSorted((a, b) => a.pid - b.pid);
    },
    time,
    resolve: resolve ?? ((host) => lookup(host, { all: true })),
  });
  const { server, pending, upgrades } = publicServer({
    handle: app.handle,
    settings: gateway.server,
    newRequestId: () => randomHex(16),
    onMalformed: (malformed) => app.record({ time: new Date().toISOString(), ...malformed }),
    isHandshake: app.isHandshake,
  });
  const drain = drainable(server, {
    pending,
    upgraded: { close: app.closeWebSockets, cut: upgrades.cut },
    graceMs: settings.SHUTDOWN_GRACE_MS,
  });
  // What is slow to answer must not keep the gateway from starting: it can serve without Redis, and most callers without
  // the keys of one issuer.
  await Promise.race([
    Promise.all([redis.firstContact(), app.firstKeys]),
    new Promise((resolve) => setTimeout(resolve, CONNECT_PATIENCE_MS).unref()),
  ]);
  const { exchange, metrics } = await joinSiblings({ app, logger, folder: join(settings.LOG_DIR, 'workers'), pid });
  const admin = adminServer(
    answerMetrics({
      collect: metrics.ofMachine,
      newRequestId: () => randomHex(16),
      onError: (error) => logger.error('the metrics could not be collected', { error: String(error) }),
    }),
  );
  await listening(admin, { setting: 'ADMIN_PORT', port: settings.ADMIN_PORT, host: settings.ADMIN_HOST });
  await listening(server, { setting: 'PORT', port: settings.PORT, host: settings.HOST });
  state = 'ready';
  const [port, adminPort] = [portOf(server), portOf(admin)];
  logger.info('ready', { port, adminPort, pid, node: process.versions.node });

  return {
    logger,
    port,
    adminPort,
    async stop(why) {
      state = 'draining';
      logger.info('stopping', { why });
      // From the outside in: clients, siblings, upstreams, Redis, and last what tells of it all.
      await drain();
      await metrics.keep();
      await exchange.close();
      await closed(admin);
      await app.close();
      await redis.close();
      logger.info('stopped');
      await logger.close();
    },
  };
}

/** Lets this worker and its siblings ask each other, also for the counts of those that have ended. */
async function joinSiblings({ app, logger, folder, pid }: { app: App; logger: Logger; folder: string; pid: number }) {
  const id = `${pid}-${randomHex(4)}`;
  const kept = keptMetrics({
    folder,
    id,
    snapshot: app.metrics,
    sumOf: sumOfMetrics,
    onError: (error) => logger.warn('the metrics of this worker could not be kept', { error: String(error) }),
  });
  const exchange = await openWorkerExchange({
    folder,
    id,
    answers: { details: app.details, metrics: kept.keep },
    onError: (error) => logger.error('a question of another worker could not be answered', { error: String(error) }),
  });
  await kept.addUp(await exchange.ids());
  return {
    exchange,
    metrics: {
      keep: kept.keep,
      async ofMachine() {
        const living = await exchange.ask<Snapshot>('metrics');
        const ended = await kept.except(living.map((worker) => worker.id));
        return textOfMetrics([...living.map(({ answer }) => answer), ...ended]);
      },
    },
  };
}

/** @throws {Error} that names the setting, if the port can't be had */
async function listening(
  server: Server,
  { setting, port, host }: { setting: string; port: number; host: string | undefined },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    throw new Error(`${setting}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    server.off('error', reject);
  }
}

/** Lets a scrape end; a connection on which nobody asks for anything must not hold up the worker. */
async function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  const cut = setTimeout(() => server.closeAllConnections(), ADMIN_PATIENCE_MS);
  await promise;
  clearTimeout(cut);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Workers that share the limits while Redis is away. Without PM2 this process is the only one. */
function siblingsOf(instances: string, instance: string | undefined): number {
  return instance === undefined || instances === 'max' ? 1 : Number(instances);
}
