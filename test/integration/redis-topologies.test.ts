import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { redisFaults } from '../support/redis-faults.ts';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.ts';
import { startRedisSentinels } from '../support/redis-sentinels.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** How long a fault lasts that does not end by itself. `FAULT_SECONDS=60` for a thorough look. */
const FAULT_SECONDS = Number(process.env.FAULT_SECONDS ?? 1);

const LIMIT = 60;
const WORKERS = 2;

/** A primary counts as gone after a second, and then another is chosen; a busy machine needs a second vote. */
const FAILOVER_MS = 15_000;

/** So soon limits are shared again, once Redis can be used. */
const BACK_MS = 5000;

/** What an ailing Redis may add to 99 of 100 answers, beside what the machine adds to those that ask no Redis. */
const ADDED_MS = 150;

interface Place {
  readonly nodes: readonly TestRedis[];
  readonly env: Readonly<Record<string, string>>;
  readonly network?: RedisProxy;
  stop(): Promise<void>;
}

interface Fault {
  begin(place: Place): unknown;
  /** Without it, the fault is over when Redis has helped itself. */
  end?(place: Place): unknown;
  /** Whether Redis can be used all the time. */
  readonly isHarmless?: true;
}

const first = ({ nodes }: Place) => nodes[0] as TestRedis;
const everywhere = async ({ nodes }: Place, ...command: [string, ...string[]]) => {
  await Promise.all(nodes.map(({ client }) => client.call(...command).catch(() => undefined)));
};

/** What does not take Redis away, wherever it is. */
const harmless: Record<string, Fault> = {
  'its scripts are forgotten': { begin: (place) => everywhere(place, 'SCRIPT', 'FLUSH'), isHarmless: true },
  'it is emptied': { begin: (place) => everywhere(place, 'FLUSHALL'), isHarmless: true },
};

const ofSingle = Object.entries(redisFaults).map(([name, { begin, end }]): [string, Fault] => {
  const both = (place: Place) => ({ redis: first(place), network: place.network as RedisProxy });
  return [name, { begin: (place) => begin(both(place)), end: (place) => end(both(place)) }];
});

const lost: Record<string, Fault> = {
  'a primary is killed': { begin: (place) => first(place).kill() },
  'a primary freezes': { begin: (place) => first(place).freeze() },
};

const topologies: Record<string, { start(): Promise<Place>; faults: Record<string, Fault> }> = {
  'a single Redis': {
    async start() {
      const redis = await startRedis();
      const network = await startRedisProxy(redis.port);
      const stop = async () => {
        await network.stop();
        await redis.stop();
      };
      return { nodes: [redis], network, env: { REDIS_PORT: String(network.port) }, stop };
    },
    faults: { ...Object.fromEntries(ofSingle), ...harmless },
  },
  'three Sentinels': {
    start: startRedisSentinels,
    faults: { ...lost, ...harmless },
  },
  'a Cluster': {
    start: startRedisCluster,
    faults: {
      ...lost,
      ...harmless,
      'a replica takes over': {
        begin: async ({ nodes }) => nodes[3]?.client.call('CLUSTER', 'FAILOVER'),
        isHarmless: true,
      },
      'it is full': {
        begin: (place) => everywhere(place, 'CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction'),
        end: (place) => everywhere(place, 'CONFIG', 'SET', 'maxmemory', '0'),
      },
    },
  },
};

let crm: RecordingBackend;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

describe.each(Object.entries(topologies))('with %s', (_name, { start, faults }) => {
  it.each(Object.entries(faults))(
    '%s: nothing fails or waits, no limit is exceeded by much, and it is shared again',
    async (_fault, fault) => {
      const place = await start();
      const gateways = [await startWith(place), await startWith(place)] as const;
      const load = pairedLoad(gateways[0]);
      const watched = watchLimit(gateways);
      try {
        await until('traffic', () => load.count() > 50 && watched.passed() >= LIMIT / 2, { withinMs: 20_000 });
        await fault.begin(place);
        if (fault.isHarmless !== true) await until('the loss to be noticed', async () => !(await areUp(gateways)));
        if (fault.end !== undefined || fault.isHarmless) await seconds(FAULT_SECONDS);
        await fault.end?.(place);
        const withinMs = fault.end === undefined ? FAILOVER_MS + BACK_MS : BACK_MS;
        await until('Redis to be back', () => areUp(gateways), { withinMs, everyMs: 50 });
        const { failures, addedMs, noiseMs } = await load.stop();
        expect(await watched.stop()).toBeLessThanOrEqual(LIMIT * (1 + WORKERS));
        expect(failures).toEqual([]);
        expect(addedMs).toBeLessThanOrEqual(ADDED_MS + noiseMs);
        await until('limits to be shared again', () => areShared(gateways), { withinMs: BACK_MS });
        const told = await Promise.all(gateways.map(async (gateway) => (await changes(gateway)).join(' ')));
        // A machine that is too busy to run Redis may add changes. Who has asked nothing of a lost node misses nothing.
        for (const text of told) expect(text).toMatch(/^connected( away back)*$/);
        if (fault.isHarmless !== true) expect(told.join()).toContain('away');
      } finally {
        await Promise.all([load.stop(), watched.stop()]);
        for (const gateway of gateways) await gateway.stop();
        for (const node of place.nodes) node.thaw();
        await place.stop();
      }
    },
    60_000 + FAULT_SECONDS * 1000,
  );
});

function startWith({ env }: Place): Promise<TestGateway> {
  const device = { key: { header: 'X-Device-Id' }, windowMs: 600_000 };
  return startGateway({
    upstreams: { crm: crm.port },
    routes: [
      { path: '/free/*', upstream: 'crm', auth: 'none', limits: ['free', 'by-address'] },
      { path: '/limited/*', upstream: 'crm', auth: 'none', limits: ['limited', 'by-address'] },
    ],
    sections: {
      policies: {
        free: { ...device, limit: 1_000_000 },
        limited: { ...device, algorithm: 'sliding', limit: LIMIT },
        'by-address': { key: 'address', algorithm: 'token-bucket', limit: 1_000_000, windowMs: 600_000 },
      },
    },
    env,
  });
}

/** Asks without a pause for one device, through both gateways. */
function watchLimit(gateways: readonly TestGateway[]) {
  let passed = 0;
  let isStopped = false;
  const run = async () => {
    for (let turn = 0; !isStopped; turn++) {
      passed += await ask(gateways[turn % gateways.length], 'watched');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const running = run();
  return {
    passed: () => passed,
    async stop(): Promise<number> {
      isStopped = true;
      await running;
      return passed;
    },
  };
}

/**
 * Asks twice at a time, once past Redis: so what the machine adds, which is busy with other things as well, is not taken for
 * what Redis adds.
 */
function pairedLoad({ url }: TestGateway) {
  const added: number[] = [];
  const noise: number[] = [];
  const failures: number[] = [];
  let isStopped = false;
  const timed = async (path: string) => {
    const startedAt = performance.now();
    const { status } = await call(url + path);
    if (status !== 200) failures.push(status);
    return performance.now() - startedAt;
  };
  const run = async () => {
    while (!isStopped) {
      const [limited, unlimited] = await Promise.all([timed('/free/x'), timed('/health/live')]);
      added.push(limited - unlimited);
      noise.push(unlimited);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const running = run();
  return {
    count: () => added.length,
    async stop() {
      isStopped = true;
      await running;
      return { failures, addedMs: p99(added), noiseMs: p99(noise) };
    },
  };
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;
}

let device = 0;

/** Whether nobody counts by itself: of one more device, exactly the limit passes both gateways together. */
async function areShared(gateways: readonly TestGateway[]): Promise<boolean> {
  return (await areUp(gateways)) && (await passing(gateways, `fresh-${device++}`)) === LIMIT;
}

/** How many requests of one device pass both gateways together. */
async function passing(gateways: readonly TestGateway[], device: string): Promise<number> {
  const asked = Array.from({ length: 2 * LIMIT }, (_, turn) => ask(gateways[turn % gateways.length], device));
  return (await Promise.all(asked)).reduce((sum, one) => sum + one, 0);
}

/** 1 if a request of this device passes. */
async function ask(gateway: TestGateway | undefined, device: string): Promise<number> {
  const { status } = await call(`${gateway?.url}/limited/x`, { headers: { 'x-device-id': device } });
  expect([200, 429]).toContain(status);
  return status === 200 ? 1 : 0;
}

async function areUp(gateways: readonly TestGateway[]): Promise<boolean> {
  const texts = await Promise.all(gateways.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()));
  return texts.every((text) => /^gateway_redis_up 1$/m.test(text));
}

/** What a gateway logged about Redis: 'away' and 'back' in turn. */
async function changes(gateway: TestGateway): Promise<string[]> {
  const messages = (await gateway.lines('combined')).map(({ message }) => String(message));
  return messages.flatMap((message) => /^redis is (away|back|connected)/.exec(message)?.[1] ?? []);
}

const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1000));
