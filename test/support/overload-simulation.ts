import type { AdaptiveLimit } from '../../src/upstream/adaptive-limit.ts';

interface Situation {
  /** One for each worker; they share the service. The clock is the simulation's. */
  readonly limits: (clock: () => number) => readonly AdaptiveLimit[];
  /** How many requests the service works on at a time; the others wait, first come first served. */
  readonly parallel: number;
  /** What a request takes of the service, in milliseconds. */
  readonly workMs: (arrival: { readonly kind: string; readonly atMs: number; readonly lot: number }) => number;
  /** Requests per second at a moment. */
  readonly perSecond: (atMs: number) => number;
  /** The kind of a request, by a lot from 0 to 1. */
  readonly kindOf?: (lot: number) => string;
  readonly seconds: number;
  /** The gateway gives a request up after so long, and the service then stops working on it. */
  readonly timeoutMs?: number;
}

/** What happened in one second. */
export interface Second {
  served: number;
  refused: number;
  timedOut: number;
  latenciesMs: number[];
  /** Of the first worker, at its end. */
  limit: number;
}

interface Job {
  readonly kind: string;
  readonly worker: number;
  readonly beganAt: number;
  readonly workMs: number;
  state: 'waiting' | 'working' | 'over';
}

/**
 * Plays requests against a service and the limits before it, event by event in a time of its own: minutes in milliseconds,
 * the same each time.
 */
export function simulate(situation: Situation): Second[] {
  const { parallel, workMs, perSecond, kindOf = () => 'route', seconds, timeoutMs = 15_000 } = situation;
  let now = 0;
  const events = eventQueue();
  const lot = lots();
  const limits = situation.limits(() => now);
  const underWay = limits.map(() => 0);
  const report: Second[] = [];
  const waiting: Job[] = [];
  let working = 0;

  const current = () => report[Math.floor(now / 1000)] ?? report.at(-1) ?? newSecond();
  const startNext = () => {
    while (working < parallel) {
      const job = waiting.shift();
      if (job === undefined) return;
      if (job.state === 'over') continue;
      working++;
      job.state = 'working';
      events.at(now + job.workMs, () => settle(job, 'served'));
    }
  };
  const settle = (job: Job, how: 'served' | 'timedOut') => {
    if (job.state === 'over') return;
    if (job.state === 'working') working--;
    job.state = 'over';
    const latencyMs = now - job.beganAt;
    current()[how]++;
    if (how === 'served') current().latenciesMs.push(latencyMs);
    limits[job.worker]?.record({
      kind: job.kind,
      latencyMs,
      isAnswered: how === 'served',
      underWay: underWay[job.worker] ?? 0,
    });
    underWay[job.worker] = (underWay[job.worker] ?? 0) - 1;
    startNext();
  };
  const arrive = () => {
    const worker = Math.floor(lot() * limits.length);
    const count = underWay[worker] ?? 0;
    if (limits[worker]?.admits(count)) {
      underWay[worker] = count + 1;
      const kind = kindOf(lot());
      const job: Job = {
        kind,
        worker,
        beganAt: now,
        workMs: workMs({ kind, atMs: now, lot: lot() }),
        state: 'waiting',
      };
      waiting.push(job);
      events.at(now + timeoutMs, () => settle(job, 'timedOut'));
      startNext();
    } else current().refused++;
    next();
  };
  const next = () => {
    const rate = perSecond(now);
    // Without traffic, it looks again after a while.
    if (rate === 0) events.at(now + 100, next);
    // As independent clients come: sometimes several at once, sometimes none.
    else events.at(now + (-Math.log(1 - lot()) * 1000) / rate, arrive);
  };

  for (let second = 0; second < seconds; second++) {
    report.push(newSecond());
    events.at((second + 1) * 1000 - 0.001, () => {
      current().limit = limits[0]?.current() ?? 0;
    });
  }
  next();
  for (let event = events.take(); event !== undefined && event.atMs < seconds * 1000; event = events.take()) {
    now = event.atMs;
    event.happen();
  }
  return report;
}

/** Some seconds of a simulation taken together. */
export function over(report: readonly Second[], from: number, until: number) {
  const part = report.slice(from, until);
  const sum = (count: (second: Second) => number) => part.reduce((total, second) => total + count(second), 0);
  const latencies = part.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  return {
    servedPerSecond: sum(({ served }) => served) / part.length,
    refused: sum(({ refused }) => refused),
    timedOut: sum(({ timedOut }) => timedOut),
    medianMs: latencies[latencies.length >> 1] ?? Number.NaN,
    leastLimit: Math.min(...part.map(({ limit }) => limit)),
    limitAtEnd: part.at(-1)?.limit ?? Number.NaN,
  };
}

function newSecond(): Second {
  return { served: 0, refused: 0, timedOut: 0, latenciesMs: [], limit: 0 };
}

/** Numbers from 0 to 1 that look random and are the same in each run. @see the generator "mulberry32" */
function lots(): () => number {
  let seed = 20_260_901;
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Event {
  readonly atMs: number;
  readonly happen: () => void;
}

/** Events in the order of their times: a binary heap. */
function eventQueue() {
  const heap: Event[] = [];
  const timeOf = (index: number) => heap[index]?.atMs ?? Number.POSITIVE_INFINITY;
  const swap = (one: number, other: number) => {
    const [a, b] = [heap[one], heap[other]];
    if (a !== undefined && b !== undefined) [heap[one], heap[other]] = [b, a];
  };
  return {
    at(atMs: number, happen: () => void) {
      let index = heap.push({ atMs, happen }) - 1;
      for (let parent = (index - 1) >> 1; index > 0 && timeOf(parent) > atMs; parent = (index - 1) >> 1) {
        swap(index, parent);
        index = parent;
      }
    },
    take(): Event | undefined {
      const first = heap[0];
      swap(0, heap.length - 1);
      heap.pop();
      for (let index = 0, child = 1; child < heap.length; child = 2 * index + 1) {
        const least = timeOf(child + 1) < timeOf(child) ? child + 1 : child;
        if (timeOf(least) >= timeOf(index)) break;
        swap(index, least);
        index = least;
      }
      return first;
    },
  };
}
