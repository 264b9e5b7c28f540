import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createApp } from './app.ts';
import type { Config } from './config/load-config.ts';
import type { WorkerDetails } from './health/worker-details.ts';
import { openWorkerExchange } from './health/worker-exchange.ts';
import { type Logger, openLogger } from './observe/logger.ts';
import { randomHex } from './observe/trace-context.ts';
import { drainable } from './process/drain.ts';
import { publicServer } from './process/listen.ts';
import { connectRedis } from './redis/connect.ts';

/** A worker that serves. */
export interface Worker {
  readonly logger: Logger;
  /** The port that it listens on, also when PORT is 0. */
  readonly port: number;
  /** Drains, closes every connection and flushes the logs. Resolves when nothing is left to do. */
  stop(why: string): Promise<void>;
}

interface WorkerOptions {
  readonly config: Config;
  readonly pid: number;
  /** PM2's number of this worker; undefined when PM2 does not run it. */
  readonly instance: string | undefined;
  readonly memory: () => NodeJS.MemoryUsage;
}

const CONNECT_PATIENCE_MS = 2000;

/**
 * Brings one worker up: logs → Redis → pipeline → listener. Ready means that a request can be served.
 * @throws {Error} if the log folder or the port can't be had
 */
export async function startWorker({ config, pid, instance, memory }: WorkerOptions): Promise<Worker> {
  const { settings, gateway } = config;
  const id = instance ?? '0';
  const logger = openLogger(settings, id);
  const redis = connectRedis({ settings, logger });
  let state: 'starting' | 'ready' | 'draining' = 'starting';
  let collect: () => Promise<readonly WorkerDetails[]> = async () => [];
  const app = createApp({
    config,
    redis,
    logger,
    worker: { id, pid, version: ownVersion(), siblings: siblingsOf(settings.PM2_INSTANCES, instance) },
    isReady: () => state === 'ready',
    memory,
    allWorkers: () => collect(),
    time: { clock: () => performance.now(), now: Date.now },
  });
  const { server, pending } = publicServer({
    handle: app.handle,
    settings: gateway.server,
    newRequestId: () => randomHex(16),
    onMalformed: (malformed) => logger.access({ time: new Date().toISOString(), ...malformed }),
  });
  const drain = drainable(server, { pending, graceMs: settings.SHUTDOWN_GRACE_MS });
  // A Redis that is slow to answer must not keep the gateway from starting: it can serve without.
  await Promise.race([
    redis.firstContact(),
    new Promise((resolve) => setTimeout(resolve, CONNECT_PATIENCE_MS).unref()),
  ]);
  const exchange = await openWorkerExchange({
    folder: join(settings.LOG_DIR, 'workers'),
    details: app.details,
  });
  collect = exchange.collect;
  await listening(server, settings.PORT);
  state = 'ready';
  const { port } = server.address() as AddressInfo;
  logger.info('ready', { port, pid, node: process.versions.node });

  return {
    logger,
    port,
    async stop(why) {
      state = 'draining';
      logger.info('stopping', { why });
      // From the outside in: clients, siblings, upstreams, Redis, and last what tells of it all.
      await drain();
      await exchange.close();
      await app.close();
      await redis.close();
      logger.info('stopped');
      await logger.close();
    },
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Workers that share the limits while Redis is away. Without PM2 this process is the only one. */
function siblingsOf(instances: string, instance: string | undefined): number {
  return instance === undefined || instances === 'max' ? 1 : Number(instances);
}

function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
