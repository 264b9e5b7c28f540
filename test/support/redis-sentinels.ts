import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { type OwnCertificate, tlsOptions } from './own-certificate.ts';
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
  /** Freezes the Sentinel that the gateway asks first. */
  freezeSentinel(): void;
  /** Whether all Sentinels that answer name the replica as the primary: what they don't say, nobody can know. */
  isSucceeded(): Promise<boolean>;
  /** Ends all of it at once. */
  kill(): Promise<void>;
  /** Starts all of it again, empty, and waits until the Sentinels know each other. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface SentinelOptions {
  /** What everybody is led through to the primary. */
  readonly network?: Pick<RedisProxy, 'port' | 'leadTo'>;
  /** With it all of them speak TLS, with each other too; the tests' own client does without. */
  readonly certificate?: OwnCertificate;
  /** What the Sentinels ask for. */
  readonly password?: string;
}

/** Starts them on free ports. A primary that is gone for a second is replaced. */
export async function startRedisSentinels(options: SentinelOptions = {}): Promise<TestSentinels> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-sentinel-'));
  const { primary, replica, primaryPort, replicaPort } = await startPair(options);
  const ports: number[] = [];
  for (let index = 0; index < SENTINELS; index++) {
    const port = await freePort();
    await writeFile(join(folder, `${port}.conf`), configuration({ port, primaryPort, folder, ...options }));
    ports.push(port);
  }
  let sentinels: ChildProcess[] = [];
  const launch = async () => {
    sentinels = await Promise.all(ports.map((port) => launchRedis(port, [join(folder, `${port}.conf`), '--sentinel'])));
    const knowAll = () => Promise.all(ports.map((port) => knowsAll(port, options)));
    await until('the Sentinels to know all', async () => (await knowAll()).every((knows) => knows), {
      withinMs: 20_000,
    });
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
      REDIS_SENTINELS: ports.map((port) => `127.0.0.1:${port}`).join(','),
      REDIS_SENTINEL_MASTER: 'psa',
    },
    failOver: () => askSentinel(ports[0] ?? 0, options, ['FAILOVER', 'psa']),
    freezeSentinel: () => void sentinels[0]?.kill('SIGSTOP'),
    async isSucceeded() {
      const name = ['GET-MASTER-ADDR-BY-NAME', 'psa'];
      const named = await Promise.all(ports.map((port) => askSentinel(port, options, name).catch(() => undefined)));
      const known = named.filter((address) => address !== undefined);
      return known.length > 1 && known.every((address) => String(address) === `127.0.0.1,${replicaPort}`);
    },
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

async function startPair({ network, certificate }: SentinelOptions) {
  const start = async (...args: string[]) => {
    if (certificate === undefined) {
      const redis = await startRedis(...args);
      return { redis, port: redis.port };
    }
    const port = await freePort();
    return { redis: await startRedis(...args, ...tlsOptions(certificate, port), '--tls-replication', 'yes'), port };
  };
  const primary = await start('--repl-diskless-sync-delay', '0');
  network?.leadTo(primary.port);
  const primaryPort = network?.port ?? primary.port;
  const replica = await start('--replicaof', `127.0.0.1 ${primaryPort}`);
  const follows = async () => String(await replica.redis.client.info('replication')).includes('master_link_status:up');
  await until('the replica to follow', follows, { withinMs: 20_000 });
  return { primary: primary.redis, replica: replica.redis, primaryPort, replicaPort: replica.port };
}

interface ConfigurationOptions extends SentinelOptions {
  readonly port: number;
  readonly primaryPort: number;
  readonly folder: string;
}

function configuration({ port, primaryPort, folder, certificate, password }: ConfigurationOptions): string {
  const lines = [
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor psa 127.0.0.1 ${primaryPort} 2`,
    'sentinel down-after-milliseconds psa 1000',
    'sentinel failover-timeout psa 1000',
  ];
  if (password !== undefined) lines.push(`requirepass ${password}`, `sentinel sentinel-pass ${password}`);
  if (certificate === undefined) lines.push(`port ${port}`);
  else lines.push('port 0', 'tls-replication yes', ...pairsOf(tlsOptions(certificate, port)));
  return `${lines.join('\n')}\n`;
}

/** `['--name', 'value', …]` as lines of a file. */
function pairsOf(args: readonly string[]): string[] {
  return args.flatMap((name, index) => (index % 2 === 0 ? [`${name.slice(2)} ${args[index + 1]}`] : []));
}

async function knowsAll(port: number, options: SentinelOptions): Promise<boolean> {
  const fields = JSON.stringify(await askSentinel(port, options, ['MASTERS']));
  return fields.includes('"num-slaves","1"') && fields.includes(`"num-other-sentinels","${SENTINELS - 1}"`);
}

async function askSentinel(port: number, { certificate, password }: SentinelOptions, command: string[]) {
  const tls = certificate === undefined ? {} : { tls: { rejectUnauthorized: false } };
  const auth = password === undefined ? {} : { password };
  const client = new Redis({ port, host: '127.0.0.1', commandTimeout: 1000, ...tls, ...auth });
  client.on('error', () => undefined);
  try {
    return await client.call('SENTINEL', ...command);
  } finally {
    client.disconnect();
  }
}
