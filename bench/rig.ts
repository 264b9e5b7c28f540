import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../test/support/free-port.ts';
import { audience, bearer, issuer, secret } from '../test/support/gateway.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { until } from '../test/support/until.ts';
import type { Contender } from './contenders/contenders.ts';

/** All that takes part in a run, each in its own process. */
export interface Rig {
  readonly running: readonly { readonly name: string; readonly port: number; readonly pid: number }[];
  /** What an authenticated client sends. */
  readonly headers: Readonly<Record<string, string>>;
  tearDown(): Promise<void>;
}

/** Starts Redis, the upstream and every contender on free ports. */
export async function setUpRig(contenders: readonly Contender[]): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-bench-'));
  const redis = await startRedis();
  const children: ChildProcess[] = [];
  const start = async (command: readonly string[], env: Record<string, string>) => {
    const port = await freePort();
    const child = spawn(process.execPath, command, {
      env: { ...process.env, ...env, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.push(child);
    await until(`${command.at(-1)} listens`, () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      ),
    );
    return { port, pid: child.pid ?? 0 };
  };
  const upstream = await start([resolve(import.meta.dirname, 'upstream.ts')], {});
  const env = {
    NODE_ENV: 'production',
    LOG_DIR: folder,
    GATEWAY_CONFIG: resolve(import.meta.dirname, '../gateway.yaml'),
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(redis.port),
    CRM_SERVICE_URL: `http://127.0.0.1:${upstream.port}`,
    JWT_SECRET: secret,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
    USER_RATE_LIMIT_MAX: '10000000',
  };
  const running: { name: string; port: number; pid: number }[] = [];
  for (const { name, command } of contenders) running.push({ name, ...(await start(command, env)) });
  return {
    running,
    headers: { ...bearer(), 'user-agent': 'bench' },
    async tearDown() {
      for (const child of children) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
