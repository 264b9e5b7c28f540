import { startRedisCluster } from './redis-cluster.ts';
import { redisFaults } from './redis-faults.ts';
import { type RedisProxy, startRedisProxy } from './redis-proxy.ts';
import { startRedisSentinels } from './redis-sentinels.ts';
import { startRedis, type TestRedis } from './redis-server.ts';
import { until } from './until.ts';

/** A Redis, or several as one: what a gateway is told of it, and what can happen to it. */
export interface RedisPlace {
  /** The first primary first. */
  readonly nodes: readonly [TestRedis, ...TestRedis[]];
  readonly env: Readonly<Record<string, string>>;
  /** Between the gateway and the first primary. */
  readonly network: RedisProxy;
  /** Ends everything at once, Sentinels included. */
  kill(): Promise<void>;
  /** Starts all of it again, on the same ports and without data, and waits until it takes writes. */
  restart(): Promise<void>;
  /** Lets the replica of the first primary take its place, where there is one. */
  failOver?(): Promise<unknown>;
  /** Whether it has, and whoever is to know of it knows. */
  isSucceeded?(): Promise<boolean>;
  /** Freezes the Sentinel that the gateway asks first, where there is one. */
  freezeSentinel?(): void;
  stop(): Promise<void>;
}

/** Something that happens to it while it is in use. */
export interface PlaceFault {
  begin(place: RedisPlace): unknown;
  /** Without it, the fault is over when Redis has helped itself. */
  end?(place: RedisPlace): unknown;
  /** Whether Redis can be used all the time. */
  readonly isHarmless?: true;
  /** Whether roles are others afterwards. */
  readonly isLasting?: true;
  /** How soon limits are shared again, if not within five seconds. */
  readonly backMs?: number;
}

const everywhere = async ({ nodes }: RedisPlace, ...command: [string, ...string[]]) => {
  await Promise.all(nodes.map(({ client }) => client.call(...command).catch(() => undefined)));
};

/** What does not take Redis away, wherever it is. */
const harmless: Record<string, PlaceFault> = {
  'its scripts are forgotten': { begin: (place) => everywhere(place, 'SCRIPT', 'FLUSH'), isHarmless: true },
  'it is emptied': { begin: (place) => everywhere(place, 'FLUSHALL'), isHarmless: true },
};

const ofSingle = Object.entries(redisFaults).map(([name, { begin, end }]): [string, PlaceFault] => [
  name,
  {
    begin: ({ nodes: [redis], network }) => begin({ redis, network }),
    end: ({ nodes: [redis], network }) => end({ redis, network }),
  },
]);

/** Waits until there is another primary. */
const succession = (place: RedisPlace) =>
  until('a successor', async () => place.isSucceeded?.(), { withinMs: FAILOVER_MS, everyMs: 50 });

const ofSeveral: Record<string, PlaceFault> = {
  'it is full': {
    begin: (place) => everywhere(place, 'CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction'),
    end: (place) => everywhere(place, 'CONFIG', 'SET', 'maxmemory', '0'),
  },
  'a primary takes 200 ms for every answer': {
    begin: ({ network }) => network.delayAnswers(200),
    end: ({ network }) => network.delayAnswers(0),
  },
  'a primary is killed': {
    async begin(place) {
      await place.nodes[0].kill();
      await succession(place);
    },
    isLasting: true,
  },
};

/** A primary counts as gone after a second, and then another is chosen; a busy machine needs a second vote. */
const FAILOVER_MS = 15_000;

/** Each way to run Redis, and what is to be survived there. */
export const redisPlaces: Record<string, { start(): Promise<RedisPlace>; faults: Record<string, PlaceFault> }> = {
  'a single Redis': { start: startSingle, faults: { ...Object.fromEntries(ofSingle), ...harmless } },
  'three Sentinels': {
    start: () => behindNetwork(startRedisSentinels),
    faults: {
      ...harmless,
      ...ofSeveral,
      'a primary freezes, and the first Sentinel with it': {
        // Half a second is lost at the frozen one, at each try.
        backMs: 15_000,
        async begin(place) {
          place.freezeSentinel?.();
          place.nodes[0].freeze();
          await succession(place);
        },
        isLasting: true,
      },
      'the Sentinels choose another primary': {
        async begin(place) {
          await place.failOver?.();
          await succession(place);
        },
        isLasting: true,
      },
    },
  },
  'a Cluster': {
    start: () => behindNetwork(startRedisCluster),
    faults: {
      ...harmless,
      ...ofSeveral,
      'a primary freezes': {
        async begin(place) {
          place.nodes[0].freeze();
          await succession(place);
        },
        isLasting: true,
      },
      'a replica takes over': { begin: (place) => place.failOver?.(), isHarmless: true, isLasting: true },
    },
  },
};

async function startSingle(): Promise<RedisPlace> {
  const redis = await startRedis();
  const network = await startRedisProxy(redis.port);
  return {
    nodes: [redis],
    network,
    env: { REDIS_PORT: String(network.port) },
    kill: redis.kill,
    restart: redis.restart,
    async stop() {
      await network.stop();
      await redis.stop();
    },
  };
}

async function behindNetwork(start: (options: { network: RedisProxy }) => Promise<Omit<RedisPlace, 'network'>>) {
  const network = await startRedisProxy();
  const place = await start({ network });
  return {
    ...place,
    network,
    async stop() {
      await place.stop();
      await network.stop();
    },
  };
}
