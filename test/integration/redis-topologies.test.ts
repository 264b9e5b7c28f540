import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { memoryInUse } from '../support/memory-in-use.ts';
import { pairedLoad } from '../support/paired-load.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { type PlaceFault, type RedisPlace, redisPlaces } from '../support/redis-places.ts';
import { until } from '../support/until.ts';

/** How long a fault lasts. `FAULT_SECONDS=60` for a thorough look, with figures. */
const FAULT_SECONDS = Number(process.env.FAULT_SECONDS ?? 1);

const LIMIT = 60;
const WORKERS = 2;

/** So soon limits are shared again, once Redis can be used. */
const BACK_MS = 5000;

/** What an ailing Redis may add to 99 of 100 answers, beside what the machine adds to those that ask no Redis. */
const ADDED_MS = 150;

const GROWTH_MIB = 20;

/** Whose requests ask no Redis. */
const EXEMPT = '192.0.2.1';

let crm: RecordingBackend;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

describe.each(Object.entries(redisPlaces))('with %s', (name, { start, faults }) => {
  let shared: RedisPlace;

  beforeAll(async () => {
    shared = await start();
  }, 60_000);

  afterAll(() => shared.stop());

  it.each(Object.entries(faults))(
    '%s: nothing fails or waits, no limit is exceeded by much, memory is flat, and limits are shared again',
    async (what, fault) => {
      const place = fault.isLasting === true ? await start() : shared;
      const gateways = [await startWith(place), await startWith(place)] as const;
      try {
        const figures = await endure(fault, { place, gateways });
        if (process.env.FAULT_SECONDS !== undefined)
          process.stderr.write(`${name}: ${what} ${JSON.stringify(figures)}\n`);
        expect(figures.failures).toEqual([]);
        expect(figures.addedMs).toBeLessThanOrEqual(ADDED_MS + figures.controlMs);
        expect(figures.overshoot).toBeLessThanOrEqual(LIMIT * WORKERS);
        expect(figures.grownMiB).toBeLessThan(GROWTH_MIB);
        await until('limits to be shared again', () => areShared(gateways), { withinMs: BACK_MS });
        const told = await Promise.all(gateways.map(async (gateway) => (await changes(gateway)).join(' ')));
        // A machine that is too busy to run Redis may add changes. Who has asked nothing of a lost node misses nothing.
        for (const text of told) expect(text).toMatch(/^(connected|away back)( away back)*( away)?$/);
        if (fault.isHarmless !== true) expect(told.join()).toContain('away');
      } finally {
        for (const gateway of gateways) await gateway.stop();
        for (const node of place.nodes) node.thaw();
        if (place !== shared) await place.stop();
      }
    },
    60_000 + FAULT_SECONDS * 1000,
  );

  it('that starts after the gateway: limits are per worker until then, and shared within five seconds', async () => {
    await shared.kill();
    const gateways = [await startWith(shared), await startWith(shared)] as const;
    try {
      expect(await areUp(gateways)).toBe(false);
      // Each lets the limit pass: without PM2 neither knows of the other.
      expect(await passing(gateways, 'early')).toBe(LIMIT * WORKERS);
      await shared.restart();
      await until('limits to be shared', () => areShared(gateways), { withinMs: BACK_MS });
      for (const gateway of gateways) expect(await changes(gateway)).toEqual(['away', 'back']);
    } finally {
      for (const gateway of gateways) await gateway.stop();
    }
  }, 60_000);
});

interface Scene {
  readonly place: RedisPlace;
  readonly gateways: readonly [TestGateway, TestGateway];
}

/** Lets a fault happen under load, and tells what clients and the machine noticed of it. */
async function endure({ begin, end, backMs: withinMs = BACK_MS }: PlaceFault, { place, gateways }: Scene) {
  const load = pairedLoad({ url: `${gateways[0].url}/free/x`, control: { 'x-forwarded-for': EXEMPT } });
  const watched = watchLimit(gateways);
  try {
    await until('traffic', () => load.count() > 50 && watched.passed() >= LIMIT / 2, { withinMs: 20_000 });
    const before = await load.rest(memory);
    await begin(place);
    let backMs = end === undefined ? await timeUntilUp(gateways, withinMs) : 0;
    if (end !== undefined) await until('the loss to be noticed', async () => !(await areUp(gateways)));
    await new Promise((resolve) => setTimeout(resolve, FAULT_SECONDS * 1000));
    const during = await load.rest(memory);
    await end?.(place);
    if (end !== undefined) backMs = await timeUntilUp(gateways, withinMs);
    const result = await load.stop();
    const overshoot = (await watched.stop()) - LIMIT;
    return { ...result, overshoot, backMs, grownMiB: Math.max(during, memory()) - before, pairs: load.count() };
  } finally {
    await Promise.all([load.stop(), watched.stop()]);
  }
}

function memory(): number {
  crm.reset();
  return memoryInUse();
}

async function timeUntilUp(gateways: readonly TestGateway[], withinMs: number): Promise<number> {
  const startedAt = performance.now();
  await until('Redis to be back', () => areUp(gateways), { withinMs, everyMs: 50 });
  return Math.round(performance.now() - startedAt);
}

function startWith({ env }: RedisPlace): Promise<TestGateway> {
  const device = { key: { header: 'X-Device-Id' }, windowMs: 600_000 };
  return startGateway({
    upstreams: { crm: crm.port },
    // Both gateways and all clients are one process here: what is late is not their fault.
    server: { maxLagMs: 60_000 },
    routes: [
      { path: '/free/*', upstream: 'crm', auth: 'none', limits: ['free', 'by-address'] },
      { path: '/limited/*', upstream: 'crm', auth: 'none', limits: ['limited', 'by-address'] },
    ],
    sections: {
      addresses: { allow: [EXEMPT] },
      policies: {
        free: { ...device, limit: 1_000_000 },
        limited: { ...device, algorithm: 'sliding', limit: LIMIT },
        'by-address': { key: 'address', algorithm: 'token-bucket', limit: 1_000_000, windowMs: 600_000 },
      },
    },
    env,
  });
}

let device = 0;

/** Asks without a pause for one device, through both gateways. */
function watchLimit(gateways: readonly TestGateway[]) {
  const name = `watched-${device++}`;
  let passed = 0;
  let isStopped = false;
  const run = async () => {
    for (let turn = 0; !isStopped; turn++) {
      passed += await ask(gateways[turn % gateways.length], name);
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

/** Whether nobody counts by itself: of one more device, exactly the limit passes both gateways together. */
async function areShared(gateways: readonly TestGateway[]): Promise<boolean> {
  return (await areUp(gateways)) && (await passing(gateways, `fresh-${device++}`)) === LIMIT;
}

/** How many requests of one device pass both gateways together. */
async function passing(gateways: readonly TestGateway[], device: string): Promise<number> {
  const asked = Array.from({ length: 4 * LIMIT }, (_, turn) => ask(gateways[turn % gateways.length], device));
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
