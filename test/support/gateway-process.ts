import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { audience, issuer, secret } from './gateway.ts';
import { until } from './until.ts';

const main = resolve(import.meta.dirname, '../../dist/main.js');

interface ProcessOptions {
  /** Content of `gateway.yaml`. */
  readonly file?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

/** How a process ended and what it had to say. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A worker as it is shipped: `node dist/main.js` in a process of its own, without PM2. */
export interface GatewayProcess {
  readonly url: string;
  /** Whether it still runs. */
  isRunning(): boolean;
  /** What it has logged as errors: nothing, unless something happened that should not. */
  errors(): Promise<string>;
  /** Asks it to stop, in one of the three ways that it must understand, and waits for its end. */
  stop(how?: 'SIGTERM' | 'SIGINT' | 'shutdown'): Promise<Ended>;
  /** The lines of combined.log, also after its end. */
  lines(): Promise<Record<string, unknown>[]>;
  /** MiB that it holds on to, heap and buffers, and MiB that the system counts, once what can be freed is freed. */
  memory(): Promise<{ readonly inUse: number; readonly resident: number }>;
}

/** Lets a process free what it can when it is asked to. */
const FREES_ON_SIGNAL = ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGUSR2", () => gc())'];

/** Starts one that is expected to refuse, and waits for its end. */
export async function runGateway(options: ProcessOptions): Promise<Ended> {
  const folder = await folderWith(options);
  try {
    return await ended(launch(folder, options));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts one on a free port, and waits until it serves. */
export async function startGatewayProcess(options: ProcessOptions): Promise<GatewayProcess> {
  const folder = await folderWith(options);
  const port = await freePort();
  const child = launch(folder, { ...options, env: { PORT: String(port), ...options.env } });
  const end = ended(child);
  const url = `http://127.0.0.1:${port}`;
  let lastLines: Record<string, unknown>[] | undefined;
  const isUp = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until('the gateway to serve', isUp, { withinMs: 50_000 });
  return {
    url,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    errors: () => readFile(join(folder, 'logs', 'error.log'), 'utf8'),
    async stop(how = 'SIGTERM') {
      if (how === 'shutdown') child.send(how);
      else child.kill(how);
      const result = await end;
      lastLines = await linesOf(folder);
      await rm(folder, { recursive: true, force: true });
      return result;
    },
    lines: async () => lastLines ?? linesOf(folder),
    async memory() {
      child.kill('SIGUSR2');
      await pause(200);
      const { memory } = (await (await fetch(`${url}/health/detailed`)).json()) as { memory: NodeJS.MemoryUsage };
      return { inUse: (memory.heapUsed + memory.external) / 2 ** 20, resident: memory.rss / 2 ** 20 };
    },
  };
}

async function linesOf(folder: string): Promise<Record<string, unknown>[]> {
  const content = await readFile(join(folder, 'logs', 'combined.log'), 'utf8').catch(() => '');
  const lines = content.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function folderWith({ file }: ProcessOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-gw-process-'));
  if (file !== undefined) await writeFile(join(folder, 'gateway.yaml'), stringify(file));
  return folder;
}

function launch(folder: string, { env = {}, args = [] }: ProcessOptions): ChildProcess {
  const environment = {
    NODE_ENV: 'test',
    JWT_SECRET: secret,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
    ADMIN_PORT: '0',
    ...env,
  };
  return spawn(process.execPath, [...FREES_ON_SIGNAL, main, ...args], {
    cwd: folder,
    env: environment,
    // PM2 has a channel to its workers too.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

async function ended(child: ChildProcess): Promise<Ended> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new TypeError('the process has no output to read');
  const [out, err] = await Promise.all([text(stdout), text(stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout: out, stderr: err };
}
