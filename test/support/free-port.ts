import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that Linux gives to outgoing connections, which could take one before its server does. */
const FIRST_PORT = 12_000;
const PORTS_PER_WORKER = 5000;
const WORKERS = 4;

const firstOfWorker = FIRST_PORT + (Number(process.env.JEST_WORKER_ID ?? 0) % WORKERS) * PORTS_PER_WORKER;
let turn = Math.floor(Math.random() * PORTS_PER_WORKER);

/** A TCP port that nobody listens on, and that no test in another process of Jest is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    turn = (turn + 1) % PORTS_PER_WORKER;
    const port = firstOfWorker + turn;
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    // Either throws what 'error' says.
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
