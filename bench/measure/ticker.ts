// A thread that says when requests are due: timers of an event loop are exact to a millisecond, waiting here to some
// hundredths of one.
import { parentPort, workerData } from 'node:worker_threads';

const { intervalMs, count } = workerData as { readonly intervalMs: number; readonly count: number };
/** Of all threads the same. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const nothing = new Int32Array(new SharedArrayBuffer(4));
const startedAt = nowMs();
for (let index = 0; index < count; index++) {
  const dueAt = startedAt + index * intervalMs;
  const waitMs = dueAt - nowMs();
  // Nobody ever changes the value, so this only waits.
  if (waitMs > 0) Atomics.wait(nothing, 0, 0, waitMs);
  parentPort?.postMessage(dueAt);
}
