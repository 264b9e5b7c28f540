import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { until } from '../../test/support/until.ts';

/** A program that takes part in a run. */
export interface Program {
  readonly port: number;
  /** The first of its processes. */
  readonly pid: number;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly port: number;
  /** Whether it says by itself when it can serve, as Node programs do to PM2. Else its port is tried. */
  readonly saysReady?: boolean;
}

/** Debian puts servers where only administrators look. */
const PATH = `${process.env.PATH}:/usr/sbin`;
const START_MS = 20_000;

/**
 * Starts a program, and waits until it serves.
 * @throws {Error} if it ends, or takes too long
 */
export async function startProgram({ command, args, env, port, saysReady }: ProgramOptions): Promise<Program> {
  const child = spawn(command, args, {
    env: { ...process.env, PATH, ...env, PORT: String(port) },
    stdio: saysReady ? ['ignore', 'ignore', 'inherit', 'ipc'] : ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  let isReady = false;
  child.once('message', () => {
    isReady = true;
  });
  const looks = async () => {
    if (hasEnded(child)) throw new Error(`${command} has ended with ${child.exitCode ?? child.signalCode}`);
    return saysReady ? isReady : accepts(port);
  };
  try {
    await until(`${command} ${args.at(-1)} to serve`, looks, { withinMs: START_MS });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid ?? 0, stop };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
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
