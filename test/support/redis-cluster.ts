import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type OwnCertificate, tlsOptions } from './own-certificate.ts';
import type { RedisProxy } from './redis-proxy.ts';
import { startRedis, type TestRedis } from './redis-server.ts';
import { until } from './until.ts';

const SLOTS = 16_384;
const PRIMARIES = 3;

/** A real Redis Cluster of three primaries, each with a replica. */
export interface TestCluster {
  /** Primaries first, as they began. */
  readonly nodes: readonly [TestRedis, ...TestRedis[]];
  /** What the gateway is told of it. */
  readonly env: { readonly REDIS_CLUSTER_NODES: string };
  /** Empties all primaries. */
  flush(): Promise<void>;
  /** All keys of all primaries. */
  keys(): Promise<string[]>;
  /** Lets the replica of the first primary take its place. */
  failOver(): Promise<unknown>;
  /** Whether it has. */
  isSucceeded(): Promise<boolean>;
  /** Ends all nodes at once. */
  kill(): Promise<void>;
  /** Starts all nodes again, empty, and waits until they take writes. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface ClusterOptions {
  /** What clients of the first primary are led through. */
  readonly network?: Pick<RedisProxy, 'port' | 'leadTo'>;
  /** With it all nodes speak TLS, with each other too; the tests' own client does without. */
  readonly certificate?: OwnCertificate;
}

/** Starts one on free ports. A primary that is gone for a second is replaced. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-cluster-'));
  const started: ClusterNode[] = [];
  for (let index = 0; index < 2 * PRIMARIES; index++) started.push(await startNode(index, { folder, ...options }));
  const nodes = started.map(({ redis }) => redis);
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error('a cluster without nodes');
  options.network?.leadTo(first.port);
  await joinNodes(started).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    nodes: [first, ...others],
    env: { REDIS_CLUSTER_NODES: started.map(({ port }) => `127.0.0.1:${port}`).join(',') },
    async flush() {
      await Promise.all(nodes.map(({ client }) => client.flushall().catch(() => undefined)));
    },
    async keys() {
      const all = await Promise.all(nodes.map(({ client }) => client.keys('*').catch(() => [])));
      return [...new Set(all.flat())];
    },
    failOver: async () => nodes[PRIMARIES]?.client.call('CLUSTER', 'FAILOVER'),
    async isSucceeded() {
      const role = await nodes[PRIMARIES]?.client.call('ROLE');
      return String(role).startsWith('master');
    },
    async kill() {
      await Promise.all(nodes.map((node) => node.kill()));
    },
    async restart() {
      await Promise.all(nodes.map((node) => node.restart()));
      await complete(nodes);
    },
    stop,
  };
}

interface ClusterNode {
  readonly redis: TestRedis;
  /** For clients; with TLS if there is a certificate. */
  readonly port: number;
  readonly busPort: number;
}

async function startNode(index: number, options: ClusterOptions & { folder: string }): Promise<ClusterNode> {
  const { folder, network, certificate } = options;
  // The default, 10,000 above the port, is where outgoing connections come from.
  const busPort = await freePort();
  const args = ['--cluster-enabled', 'yes', '--cluster-config-file', join(folder, `${index}.conf`)];
  args.push('--cluster-node-timeout', '1000', '--cluster-port', String(busPort), '--repl-diskless-sync-delay', '0');
  if (index === 0 && network !== undefined) args.push('--cluster-announce-port', String(network.port));
  if (certificate === undefined) {
    const redis = await startRedis(...args);
    return { redis, port: redis.port, busPort };
  }
  const port = await freePort();
  args.push(...tlsOptions(certificate, port), '--tls-cluster', 'yes', '--tls-replication', 'yes');
  return { redis: await startRedis(...args), port, busPort };
}

async function joinNodes(started: readonly ClusterNode[]): Promise<void> {
  const nodes = started.map(({ redis }) => redis);
  const primaries = nodes.slice(0, PRIMARIES);
  const edge = (index: number) => Math.round((SLOTS * index) / PRIMARIES);
  for (const [index, { client }] of nodes.entries()) await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  for (const [index, { client }] of primaries.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', edge(index), edge(index + 1) - 1);
  }
  for (const { redis, busPort } of started.slice(1)) {
    await nodes[0]?.client.call('CLUSTER', 'MEET', '127.0.0.1', redis.port, busPort);
  }
  await until('all nodes to know each other', () =>
    all(nodes, 'CLUSTER NODES', (text) => lines(text) === nodes.length),
  );
  const ids = await Promise.all(primaries.map(({ client }) => client.call('CLUSTER', 'MYID')));
  for (const [index, { client }] of nodes.slice(PRIMARIES).entries()) {
    await client.call('CLUSTER', 'REPLICATE', String(ids[index]));
  }
  await complete(nodes);
  const isFollowing = (text: string) => text.includes('master_link_status:up');
  const replicas = nodes.slice(PRIMARIES);
  await until('the replicas to follow', () => all(replicas, 'INFO replication', isFollowing), { withinMs: 20_000 });
}

async function complete(nodes: readonly TestRedis[]): Promise<void> {
  const isDone = (text: string) => text.includes('cluster_state:ok');
  await until('the cluster to be complete', () => all(nodes, 'CLUSTER INFO', isDone), { withinMs: 20_000 });
}

const lines = (text: string) => text.trim().split('\n').length;

async function all(nodes: readonly TestRedis[], command: string, holds: (answer: string) => boolean): Promise<boolean> {
  const [name = '', ...args] = command.split(' ');
  const answers = await Promise.all(nodes.map(({ client }) => client.call(name, ...args)));
  return answers.every((answer) => holds(String(answer)));
}
