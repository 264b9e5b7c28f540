// Loaded into each worker of a soak before the gateway, by NODE_OPTIONS. PM2 itself inherits those, but has nothing to tell.
import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { appendFileSync } from 'node:fs';
import { queryObjects } from 'node:v8';

/** What is alive in a worker, right after a full garbage collection. */
export interface LiveObjects {
  readonly pid: number;
  /** Of the worker's life. */
  readonly seconds: number;
  /** Bytes. */
  readonly heapUsed: number;
  /** Bytes of the process that aren't the JavaScript heap's. */
  readonly outside: number;
  readonly emitters: number;
  /** Listeners, callbacks and timers are functions, wherever they hang. */
  readonly functions: number;
}

/** A look stops the worker for a tenth of a second. */
const LOOK_MS = 30_000;

function look(): LiveObjects {
  // This is what collects.
  const functions = queryObjects(Function, { format: 'count' });
  const emitters = queryObjects(EventEmitter, { format: 'count' });
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return { pid: process.pid, seconds: process.uptime(), heapUsed, outside: rss - heapTotal, emitters, functions };
}

const { SOAK_LOOKS: file } = process.env;
if (cluster.isWorker && file !== undefined)
  setInterval(() => appendFileSync(file, `${JSON.stringify(look())}\n`), LOOK_MS).unref();
