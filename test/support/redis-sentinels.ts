import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { launchRedis, startRedis, type TestRedis } from './redis-server.ts';
import { until } from './until.ts';

const SENTINELS = 3;

/** A primary with a replica, and three Sentinels that watch them. */
export interface TestSentinels {
  /** The primary first, as it began. */
  readonly nodes: readonly [TestRedis, TestRedis];
  /** What the gateway is told of it. */
  readonly env: { readonly REDIS_SENTINELS: string; readonly REDIS_SENTINEL_MASTER: string };
  stop(): Promise<void>;
}

/** Starts them on free ports. A primary that is gone for a second is replaced. */
export async function startRedisSentinels(): Promise<TestSentinels> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-sentinel-'));
  const primary = await startRedis('--repl-diskless-sync-delay', '0');
  const replica = await startRedis('--replicaof', `127.0.0.1 ${primary.port}`);
  const follows = async () => String(await replica.client.info('replication')).includes('master_link_status:up');
  await until('the replica to follow', follows, { withinMs: 20_000 });
  const sentinels: ChildProcess[] = [];
  const ports: number[] = [];
  for (let index = 0; index < SENTINELS; index++) {
    const port = await freePort();
    const file = join(folder, `${index}.conf`);
    await writeFile(file, configuration({ port, primaryPort: primary.port, folder }));
    sentinels.push(await launchRedis(port, [file, '--sentinel']));
    ports.push(port);
  }
  for (const port of ports) await until('the Sentinels to know all', () => knowsAll(port), { withinMs: 20_000 });
  return {
    nodes: [primary, replica],
    env: {
      REDIS_SENTINELS: ports.map((port) => `127.0.0.1:${port}`).join(','),
      REDIS_SENTINEL_MASTER: 'psa',
    },
    async stop() {
      for (const sentinel of sentinels) {
        sentinel.kill('SIGKILL');
        await once(sentinel, 'exit');
      }
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

async function knowsAll(port: number): Promise<boolean> {
  const client = new Redis({ port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  try {
    const [primary] = (await client.call('SENTINEL', 'MASTERS')) as string[][];
    const fields = JSON.stringify(primary);
    return fields.includes('"num-slaves","1"') && fields.includes(`"num-other-sentinels","${SENTINELS - 1}"`);
  } finally {
    client.disconnect();
  }
}
