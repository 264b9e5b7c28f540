import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { until } from './until.ts';

/** Listens with the shortest backlog there is, and then stops its event loop, so that nothing is ever accepted. */
const LISTEN_AND_STALL = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(workerData), 0, 0));
  });
`;

/** An upstream whose backlog is full: the kernel leaves whoever connects without an answer, as a dead host does. */
export async function unacceptingUpstream(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const worker = new Worker(LISTEN_AND_STALL, { eval: true, workerData: new SharedArrayBuffer(4) });
  const [port] = (await once(worker, 'message')) as [number];
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await until('the backlog to be full', () => fillers.some((socket) => !socket.connecting));
  return {
    port,
    async stop() {
      for (const socket of fillers) socket.destroy();
      await worker.terminate();
    },
  };
}
