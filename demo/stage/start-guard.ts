import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Order, Reply } from './orders.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** The main process's end of the guard. Every order fails with the signal's reason once that has fired. */
export interface Guard {
  /** The demo's folder for everything that it writes. */
  readonly folder: string;
  /** Starts a process; resolves with the line by which it said that it is up. */
  start(order: Omit<Order & { kind: 'start' }, 'id' | 'kind'>): Promise<{ pid: number; line: string }>;
  /** Ends a process with SIGKILL. */
  kill(name: string): Promise<void>;
  /** Runs a command of PM2 and returns what it printed. */
  pm2(args: readonly string[], env: Record<string, string>): Promise<string>;
  /** Runs the operator's command and returns what it printed. */
  gateway(args: readonly string[], env: Record<string, string>): Promise<string>;
  /** Resolves when everything that was started has ended and the folder is gone; false if the guard failed at that. */
  dismiss(): Promise<boolean>;
}

/** Starts the guard. From then on this process may end in any way: what the guard has started ends with it. */
export async function startGuard({
  env,
  signal,
}: {
  env: Record<string, string>;
  signal: AbortSignal;
}): Promise<Guard> {
  const child = fork(join(import.meta.dirname, 'guard.ts'), {
    // A session of its own: Ctrl+C and a closed terminal reach the processes of ours, not of its.
    detached: true,
    execArgv: [],
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit') as Promise<[code: number | null]>;
  const order = orderer(child, signal);
  const hello = await Promise.race([once(child, 'message') as Promise<[Reply & { folder: string }]>, exit]);
  if (typeof hello[0] !== 'object' || hello[0] === null) throw new Error("the guard of the demo can't start");
  const { folder } = hello[0];
  const run = async (details: Omit<Order & { kind: 'pm2' | 'gateway' }, 'id'>) =>
    (await order<{ output: string }>(details)).output;
  return {
    folder,
    start: (details) => order({ ...details, kind: 'start' }),
    async kill(name) {
      await order({ kind: 'kill', name });
    },
    pm2: (args, commandEnv) => run({ kind: 'pm2', args, env: commandEnv }),
    gateway: (args, commandEnv) => run({ kind: 'gateway', args, env: commandEnv }),
    async dismiss() {
      if (child.connected) child.disconnect();
      const [code] = await exit;
      return code === 0;
    },
  };
}

function orderer(child: ChildProcess, signal: AbortSignal) {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  const failAll = (reason: unknown) => {
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  };
  child.on('message', (reply: Reply) => {
    const order = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply) order?.reject(new Error(reply.error));
    else order?.resolve(reply);
  });
  child.once('exit', () => failAll(new Error('the guard of the demo has ended')));
  signal.addEventListener('abort', () => failAll(signal.reason));
  return function order<Answer>(details: WithoutId<Order>): Promise<Answer> {
    signal.throwIfAborted();
    const settlement = Promise.withResolvers<unknown>();
    waiting.set(++lastId, settlement);
    child.send({ ...details, id: lastId }, (error) => error && settlement.reject(error));
    return settlement.promise as Promise<Answer>;
  };
}
