/*
 * The guard: a process in a session of its own that starts everything the demo runs, and ends it all when the main process
 * is gone, for whatever reason: the walk is over, Ctrl+C, a crash, kill -9. One clean-up path for every ending.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Order, Reply } from './orders.ts';

const root = join(import.meta.dirname, '../..');
const PROGRAMS = { pm2: join(root, 'node_modules/pm2/bin/pm2'), gateway: join(root, 'dist/cli/main.js') } as const;
const START_PATIENCE_MS = 20_000;
/** Longer than a reload of two workers takes when both use up their time to end. */
const COMMAND_PATIENCE_MS = 60_000;
const END_PATIENCE_MS = 2000;
/** PM2 keeps Unix sockets in its home, whose paths may have 107 bytes on Linux and 103 on macOS. @see unix(7) */
const MAX_TMPDIR_LENGTH = 60;

const folder = mkdtempSync(join(tmpdir().length > MAX_TMPDIR_LENGTH ? '/tmp' : tmpdir(), 'psa-demo-'));
const pm2Home = join(folder, 'pm2');
const children = new Map<string, ChildProcess>();
const commands = new Set<Promise<unknown>>();
let ending: Promise<void> | undefined;

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => void endEverything());
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void endEverything());
reply({ id: 0, folder });

async function obey(order: Order): Promise<void> {
  const { id } = order;
  try {
    if (ending !== undefined) throw new Error('the demo is ending');
    if (order.kind === 'start') reply({ id, ...(await start(order)) });
    if (order.kind === 'kill') reply({ id, pid: await kill(order.name), line: '' });
    if (order.kind === 'pm2' || order.kind === 'gateway') reply({ id, output: await run(order) });
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

function reply(message: Reply): void {
  // The main process may be gone; then nobody waits for an answer.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

async function start({ name, command, env, readyLine }: Order & { kind: 'start' }) {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.pid !== undefined) children.set(name, child);
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-2000);
  });
  const { promise, resolve, reject } = Promise.withResolvers<{ pid: number; line: string }>();
  const ready = new RegExp(readyLine);
  createInterface(child.stdout).on('line', (line) => {
    if (ready.test(line)) resolve({ pid: child.pid ?? 0, line });
  });
  child.once('error', reject).once('exit', () => reject(new Error(`${name} ended at once: ${errors.trim()}`)));
  const timer = setTimeout(() => reject(new Error(`${name} was not up in time`)), START_PATIENCE_MS);
  return promise.finally(() => clearTimeout(timer));
}

async function kill(name: string): Promise<number> {
  const child = children.get(name);
  if (child?.pid === undefined) throw new Error(`${name} is not running`);
  await end(child, 'SIGKILL');
  return child.pid;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), END_PATIENCE_MS);
  await exit;
  clearTimeout(force);
}

/** Runs a command of PM2, or the operator's, to its end, and returns what it printed. */
function run({ kind, args, env }: Pick<Order & { kind: 'pm2' | 'gateway' }, 'kind' | 'args' | 'env'>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { cwd: root, env: { ...env, PM2_HOME: pm2Home }, timeout: COMMAND_PATIENCE_MS };
  execFile(process.execPath, [PROGRAMS[kind], ...args], options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Error(`${kind} ${args.join(' ')} failed: ${`${stdout}${stderr}`.trim() || error.message}`));
  });
  const settled = promise.catch(() => undefined).finally(() => commands.delete(settled));
  commands.add(settled);
  return promise;
}

/** From the outside in: the gateway drains while what it calls is still there. */
function endEverything(): Promise<void> {
  ending ??= (async () => {
    await endPm2();
    await Promise.all([...children.values()].map((child) => end(child, 'SIGTERM')));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    process.exit(0);
  })();
  return ending;
}

async function endPm2(): Promise<void> {
  // A command on its way may be just about to start the daemon, which would then outlive us.
  await Promise.all(commands);
  if (!existsSync(join(pm2Home, 'pm2.pid'))) return;
  const workers = pidsIn(join(pm2Home, 'pids'));
  const daemon = pidIn(join(pm2Home, 'pm2.pid'));
  await run({ kind: 'pm2', args: ['kill'], env: { PATH: process.env.PATH ?? '' } }).catch(() => undefined);
  const all = [...workers, ...daemon];
  for (let waitedMs = 0; waitedMs < END_PATIENCE_MS && all.some(isAlive); waitedMs += 50) await sleep(50);
  for (const pid of all.filter(isAlive)) process.kill(pid, 'SIGKILL');
}

function pidsIn(directory: string): number[] {
  return existsSync(directory) ? readdirSync(directory).flatMap((name) => pidIn(join(directory, name))) : [];
}

function pidIn(file: string): number[] {
  const pid = Number(readFileSync(file, 'utf8'));
  return Number.isInteger(pid) && pid > 1 ? [pid] : [];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
