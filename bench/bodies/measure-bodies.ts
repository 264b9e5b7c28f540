import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../test/support/free-port.ts';
import { startOneWorker } from '../contenders/gateway.ts';
import { cpuTimeOf } from '../measure/process-account.ts';
import { type Program, startProgram } from '../rig/program.ts';
import type { BodyJob, BodyResult } from './body-client.ts';

/** What one measurement is of. */
export type BodyLoad = Pick<BodyJob, 'direction' | 'parallel' | 'bytes' | 'isChunked' | 'stallMs'>;

/** What large bodies cost the gateway. */
export interface BodyFigures {
  /** How the bodies ended, each kind once: only `whole` if all is well. */
  readonly ends: readonly string[];
  /** Peak of the resident memory less what an idle gateway has that has served small requests, in KiB. */
  readonly growthKib: number;
  readonly idleKib: number;
  readonly seconds: number;
  /** CPU time of the gateway. */
  readonly cpuSeconds: number;
}

const WARM_UP_ROUNDS = 20;
const WARM_UP_PARALLEL = 10;
const SMALL_BYTES = 20_000;
const ROUTE = '/bodies/*';

/** Sends large bodies through a gateway of their own: service, gateway and client are three processes. */
export async function measureBodies(load: BodyLoad): Promise<BodyFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-bodies-'));
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const service = await startService();
    ends.unshift(service.stop);
    const gateway = await startGateway({ folder, upstreamPort: service.port, bytes: load.bytes });
    ends.unshift(gateway.stop);
    const client = await startClient();
    ends.unshift(async () => client.kill());
    const job = { ...load, port: gateway.port, path: '/bodies/x' };
    await warmUp(client, job);
    return await measured(gateway.pid, () => send(client, job));
  } finally {
    for (const end of ends) await end();
  }
}

/** Small bodies first, so that what the gateway holds for any request is not counted. */
async function warmUp(client: ChildProcess, job: BodyJob): Promise<void> {
  const small = { ...job, parallel: WARM_UP_PARALLEL, bytes: SMALL_BYTES, stallMs: 0 };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    await send(client, { ...small, direction: round % 2 === 0 ? 'up' : 'down' });
  }
}

async function measured(pid: number, transfer: () => Promise<BodyResult>): Promise<BodyFigures> {
  const idleKib = memoryLine(pid, 'VmRSS');
  const before = cpuTimeOf([pid]);
  const { ends, seconds } = await transfer();
  const after = cpuTimeOf([pid]);
  return {
    ends: [...new Set(ends)],
    // The kernel keeps the peak: no sample can miss it.
    growthKib: memoryLine(pid, 'VmHWM') - idleKib,
    idleKib,
    seconds,
    cpuSeconds: (after.user + after.system - before.user - before.system) / 1e6,
  };
}

function memoryLine(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
}

async function startService(): Promise<Program> {
  const args = [join(import.meta.dirname, 'body-service.ts')];
  return startProgram({ command: process.execPath, args, port: await freePort(), saysReady: true });
}

interface GatewayOptions {
  readonly folder: string;
  readonly upstreamPort: number;
  readonly bytes: number;
}

async function startGateway({ folder, upstreamPort, bytes }: GatewayOptions): Promise<Program> {
  const file = join(folder, 'gateway.yaml');
  // The service is one process on a machine that is busy: how long it takes is not what is measured.
  const patient = { maxConnections: 1000, headTimeoutMs: 300_000, idleTimeoutMs: 300_000 };
  const upstreams = { crm: { url: `http://127.0.0.1:${upstreamPort}`, ...patient } };
  const routes = [{ path: ROUTE, upstream: 'crm', auth: 'none', maxBodyBytes: Math.max(bytes, SMALL_BYTES) }];
  await writeFile(file, stringify({ upstreams, routes }));
  // Without Redis: it has no part in what a body costs.
  return startOneWorker({ folder, file, upstreamPort, redisPort: await freePort() });
}

async function startClient(): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'body-client.ts'));
  await once(child, 'message');
  return child;
}

async function send(client: ChildProcess, job: BodyJob): Promise<BodyResult> {
  client.send(job);
  const [result] = (await once(client, 'message')) as [BodyResult];
  return result;
}
