import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import type { RedisProxy } from './redis-proxy.ts';
import { launchRedis, startRedis, type TestRedis } from './redis-server.ts';
import { until } from './until.ts';

const SENTINELS = 3;

/** A primary with a replica, and three Sentinels that watch them. */
export interface TestSentinels {
  /** The primary first, as it began. */
  readonly nodes: readonly [TestRedis, TestRedis];
  /** What the gateway is told of it. */
  readonly env: { readonly REDIS_SENTINELS: string; readonly REDIS_SENTINEL_MASTER: string };
  /** Lets the Sentinels make the replica the primary. */
  failOver(): Promise<unknown>;
  /** Ends all of it at once. */
  kill(): Promise<void>;
  /** Starts all of it again, empty, and waits until the Sentinels know each other. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface SentinelOptions {
  /** What everybody is led through to the primary. */
  readonly network?: Pick<RedisProxy, 'port' | 'leadTo'>;
}

/** Starts them on free ports. A primary that is gone for a second is replaced. */
export async function startRedisSentinels({ network }: SentinelOptions = {}): Promise<TestSentinels> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-sentinel-'));
  const primary = await startRedis('--repl-diskless-sync-delay', '0');
  network?.leadTo(primary.port);
  const primaryPort = network?.port ?? primary.port;
  const replica = await startRedis('--replicaof', `127.0.0.1 ${primaryPort}`);
  const follows = async () => String(await replica.client.info('replication')).includes('master_link_status:up');
  await until('the replica to follow', follows, { withinMs: 20_000 });
  const files: [port: number, path: string][] = [];
  for (let index = 0; index < SENTINELS; index++) {
    const port = await freePort();
    const path = join(folder, `${index}.conf`);
    await writeFile(path, configuration({ port, primaryPort, folder }));
    files.push([port, path]);
  }
  let sentinels: ChildProcess[] = [];
  const launch = async () => {
    sentinels = await Promise.all(files.map(([port, path]) => launchRedis(port, [path, '--sentinel'])));
    for (const [port] of files) await until('the Sentinels to know all', () => knowsAll(port), { withinMs: 20_000 });
  };
  const kill = async () => {
    const ends = sentinels.map((sentinel) => once(sentinel, 'exit'));
    for (const sentinel of sentinels) sentinel.kill('SIGKILL');
    await Promise.all([...ends, primary.kill(), replica.kill()]);
    sentinels = [];
  };
  await launch();
  return {
    nodes: [primary, replica],
    env: {
      REDIS_SENTINELS: files.map(([port]) => `127.0.0.1:${port}`).join(','),
      REDIS_SENTINEL_MASTER: 'psa',
    },
    failOver: () => askSentinel(files[0]?.[0] ?? 0, (client) => client.call('SENTINEL', 'FAILOVER', 'psa')),
    kill,
    async restart() {
      await Promise.all([primary.restart(), replica.restart()]);
      await launch();
    },
    async stop() {
      await kill();
      await Promise.all([primary.stop(), replica.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration({ port, primaryPort, folder }: { port: number; primaryPort: number; folder: string }): string {
  return `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor psa 127.0.0.1 ${primaryPort} 2
sentinel down-after-milliseconds psa 1000
sentinel failover-timeout psa 1000
`;
}

function knowsAll(port: number): Promise<boolean> {
  return askSentinel(port, async (client) => {
    const [primary] = (await client.call('SENTINEL', 'MASTERS')) as string[][];
    const fields = JSON.stringify(primary);
    return fields.includes('"num-slaves","1"') && fields.includes(`"num-other-sentinels","${SENTINELS - 1}"`);
  });
}

async function askSentinel<T>(port: number, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}
