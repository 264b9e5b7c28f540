import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { constants, setPriority } from 'node:os';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';

/** A real Redis of a test's own. */
export interface TestRedis {
  readonly port: number;
  /** For looking at, and preparing, what the gateway keeps there. */
  readonly client: Redis;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  /** Freezes it: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** Starts a Redis on a free port, without persistence. @param args further options, such as `--cluster-enabled yes` */
export async function startRedis(...args: string[]): Promise<TestRedis> {
  const port = await freePort();
  let child = await launchRedis(port, args);
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  await client.connect();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    port,
    client,
    kill,
    async restart() {
      await kill();
      child = await launchRedis(port, args);
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      client.disconnect();
      await kill();
    },
  };
}

/** Starts the process alone. @param args `[file, '--sentinel']` makes it a Sentinel */
export async function launchRedis(port: number, args: readonly string[] = []): Promise<ChildProcess> {
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
  // A replica gets its data as a file, which the next Redis in that folder would begin with.
  options.push('--dbfilename', `psa-test-${port}.rdb`, '--rdb-del-sync-files', 'yes');
  const all = args.includes('--sentinel') ? args : [...options, ...args];
  const child = spawn('redis-server', all, { stdio: 'ignore' });
  prefer(child);
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await accepts(port)) return child;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new Error('redis-server does not accept connections');
}

/**
 * Has the operating system prefer it, where that is allowed. Requests wait 80 ms for Redis and then count without it; a Redis
 * in earnest does not share its processor with a suite of tests.
 */
function prefer({ pid = 0 }: ChildProcess): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Only root may.
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const answer = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}
