import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { audience, issuer, secret } from './gateway.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** What an operator has: the files that are shipped, and nothing of the tests. */
const SHIPPED = [
  'src',
  'dist',
  'gateway.yaml',
  'ecosystem.config.js',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

export interface Pm2Worker {
  readonly pid: number;
  readonly status: string;
  /** How often PM2 had to start it again, reloads included. */
  readonly restarts: number;
  /** How often it ended without being asked to. */
  readonly unstableRestarts: number;
}

/** The gateway as an operator runs it: PM2 workers, started by the npm scripts from a folder with the shipped files. */
export interface Pm2Gateway {
  readonly port: number;
  readonly url: string;
  /** Of the admin listener. */
  readonly adminUrl: string;
  readonly folder: string;
  /** Runs one of the project's npm scripts there. */
  npm(script: string): Promise<string>;
  /** What `pm2:reload` does once it has built and checked, which takes longer than the reload. */
  reload(): Promise<void>;
  workers(): Promise<Pm2Worker[]>;
  /** The lines of one of its log files so far. */
  lines(file: 'access' | 'error' | 'combined'): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/**
 * Starts it with two workers on a free port; `env` is added to the environment of the workers.
 * @param file instead of the shipped `gateway.yaml`; then it is started as it was built before the tests
 */
export async function startPm2Gateway(env: Record<string, string>, file?: object): Promise<Pm2Gateway> {
  // Short: PM2 keeps Unix sockets in its home, and their paths may have 107 bytes.
  const home = await mkdtemp(join(tmpdir(), 'psa-pm2-'));
  const folder = join(home, 'app');
  await Promise.all(SHIPPED.map((name) => cp(join(root, name), join(folder, name), { recursive: true })));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  if (file !== undefined) await writeFile(join(folder, 'gateway.yaml'), stringify(file));
  const port = await freePort();
  const adminPort = await freePort();
  const options = {
    cwd: folder,
    env: {
      PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`,
      HOME: home,
      PM2_HOME: home,
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      REDIS_HOST: '127.0.0.1',
      JWT_SECRET: secret,
      JWT_ISSUER: issuer,
      JWT_AUDIENCE: audience,
      ...env,
    },
  };
  const npm = async (script: string) => (await run('npm', ['run', '--silent', script], options)).stdout;
  const reload = async () => {
    await run('pm2', ['reload', 'ecosystem.config.js', '--update-env', '--silent'], options);
  };
  const workers = async () => {
    const { stdout } = await run('pm2', ['jlist', '--silent'], options);
    return (JSON.parse(stdout.slice(stdout.indexOf('['))) as Pm2Process[]).map(workerOf);
  };
  const stop = async () => {
    await run('pm2', ['kill'], options);
    await rm(home, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    if (file === undefined) await npm('pm2:start');
    else await run('pm2', ['start', 'ecosystem.config.js', '--silent'], options);
    await until('two workers online', async () => (await workers()).filter(isOnline).length === 2, {
      withinMs: 50_000,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const lines = async (name: string) => {
    const text = await readFile(join(folder, 'logs', `${name}.log`), 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { port, url, adminUrl: `http://127.0.0.1:${adminPort}`, folder, npm, reload, workers, lines, stop };
}

interface Pm2Process {
  readonly pid: number;
  readonly pm2_env: { readonly status: string; readonly restart_time: number; readonly unstable_restarts: number };
}

function workerOf({ pid, pm2_env }: Pm2Process): Pm2Worker {
  return { pid, status: pm2_env.status, restarts: pm2_env.restart_time, unstableRestarts: pm2_env.unstable_restarts };
}

function isOnline({ status }: Pm2Worker): boolean {
  return status === 'online';
}
