import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Expected, type Lane, openLane } from './lane.ts';
import { type Percentiles, percentilesOf } from './statistics.ts';

/** Latencies count from the moment at which a request was due, sent or not. */
export interface OpenLoopFigures extends Percentiles {
  readonly requests: number;
  /** How late the generator itself sent half of, and 99 % of, the requests, in milliseconds. */
  readonly lateP50: number;
  readonly lateP99: number;
}

interface OpenLoopOptions {
  readonly port: number;
  /** The bytes of each request. */
  readonly request: string;
  readonly expected: Expected;
  readonly connections: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/**
 * Sends a request at fixed intervals, whether or not earlier ones have been answered. One that finds every connection busy
 * waits for one, and its wait counts.
 * @throws {Error} at the first wrong answer
 */
export async function openLoop(options: OpenLoopOptions): Promise<OpenLoopFigures> {
  const { port, request, expected, connections, perSecond, seconds } = options;
  const count = Math.round(perSecond * seconds);
  const lanes = await Promise.all(Array.from({ length: connections }, () => openLane(port, expected)));
  const ticker = new Worker(new URL('./ticker.ts', import.meta.url), {
    workerData: { intervalMs: 1000 / perSecond, count },
  });
  const ended = once(ticker, 'exit');
  try {
    const { latencies, lateness } = await play({ ticker, lanes, request, count });
    const late = percentilesOf(lateness);
    return { requests: count, ...percentilesOf(latencies), lateP50: late.p50, lateP99: late.p99 };
  } finally {
    for (const lane of lanes) lane.close();
    await ticker.terminate();
    await ended;
  }
}

/** Of all threads the same. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

interface Play {
  readonly ticker: Worker;
  readonly lanes: readonly Lane[];
  readonly request: string;
  readonly count: number;
}

function play({ ticker, lanes, request, count }: Play) {
  const latencies = new Float64Array(count);
  const lateness = new Float64Array(count);
  const free = [...lanes];
  const waiting: number[] = [];
  let sent = 0;
  let answered = 0;
  const { promise, resolve, reject } = Promise.withResolvers<{ latencies: Float64Array; lateness: Float64Array }>();
  const send = (lane: Lane, dueAt: number) => {
    lateness[sent++] = nowMs() - dueAt;
    lane.send(request, ({ failure }) => {
      if (failure !== undefined) return reject(new Error(failure));
      latencies[answered++] = nowMs() - dueAt;
      if (answered === count) return resolve({ latencies, lateness });
      const next = waiting.shift();
      if (next === undefined) free.push(lane);
      else send(lane, next);
    });
  };
  ticker.on('message', (dueAt: number) => {
    const lane = free.shift();
    if (lane === undefined) waiting.push(dueAt);
    else send(lane, dueAt);
  });
  ticker.on('error', reject);
  return promise;
}
