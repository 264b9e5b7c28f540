import { performance } from 'node:perf_hooks';
import type { Look } from './lag-limit.ts';

const EVERY_MS = 100;

/** Looks at the event loop ten times a second: a timer comes as late as everything else. Returns what ends it. */
export function watchEventLoop(onLook: (look: Omit<Look, 'underWay'>) => void): () => void {
  let lookedAt = performance.now();
  let loop = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const now = performance.now();
    const { utilization: utilisation } = performance.eventLoopUtilization(loop);
    onLook({ lagMs: now - lookedAt - EVERY_MS, utilisation });
    lookedAt = now;
    loop = performance.eventLoopUtilization();
  }, EVERY_MS).unref();
  return () => clearInterval(timer);
}
