import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { revocationTable } from '../../src/revocation/revocation-store.ts';
import { followChanges } from '../../src/shared-state/follow-changes.ts';
import { mirrorOf } from '../../src/shared-state/mirror.ts';
import { recordTable, writeRecords } from '../../src/shared-state/record-table.ts';
import { tenantTable } from '../../src/tenants/tenant-store.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';

let redis: TestRedis;
let nowMs = Date.now();
const now = () => nowMs;
const command = (...args: [string, ...string[]]) => redis.client.call(...args);

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
afterEach(async () => {
  nowMs = Date.now();
  await redis.client.flushall();
});

/** So often at least requests are served while 100,000 records are read and written back. */
const TURNS = 100;

/** Counts turns of the event loop, one a millisecond at most: that is when requests are served, however busy the machine is. */
function countTurns() {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  return {
    stop(): number {
      clearInterval(timer);
      return turns;
    },
  };
}

/** One worker's copy of the tenants, and what it was told of them. */
function follower() {
  const mirror = mirrorOf(tenantTable, { command, now });
  const warnings: object[] = [];
  const logger = { warn: (_: string, details = {}) => void warnings.push(details) };
  const follow = followChanges({ command, tables: new Map([[tenantTable.name, mirror]]), logger });
  return { mirror, follow, warnings };
}

const tenants = recordTable(tenantTable, { command, now });
const write = (id: string, plan: string, expiresAtMs?: number) =>
  tenants.update(id, () => ({ value: { status: 'active', plan }, expiresAtMs }));

describe('following the changes', () => {
  it('reads what has changed, and only that, with one command when nothing has', async () => {
    const { mirror, follow } = follower();
    await write('a', 'free');
    expect(await follow()).toBe(true);
    await write('a', 'basic');
    await write('b', 'free');
    expect(await follow()).toBe(true);
    expect([mirror.get('a'), mirror.get('b')]).toMatchObject([{ plan: 'basic' }, { plan: 'free' }]);
    await redis.client.config('RESETSTAT');
    expect(await follow()).toBe(false);
    const stats = await redis.client.info('commandstats');
    expect(stats.match(/^cmdstat_(?!config|info)[^:]+:calls=\d+/gm)).toEqual(['cmdstat_xrange:calls=1']);
  });

  it('begins with an empty Redis as with any other', async () => {
    const { mirror, follow } = follower();
    expect(await follow()).toBe(true);
    expect(await follow()).toBe(false);
    await write('a', 'free');
    expect(await follow()).toBe(true);
    expect(mirror.size).toBe(1);
  });

  it('reads everything when it has missed so much that the stream no longer reaches back', async () => {
    const { mirror, follow, warnings } = follower();
    await write('a', 'free');
    await follow();
    for (let index = 0; index < 300; index++) await write(`t${index}`, 'free');
    await redis.client.xtrim('psa:{state}:changes', 'MAXLEN', 10);
    expect(await follow()).toBe(true);
    expect(mirror.size).toBe(301);
    expect(warnings).toEqual([]);
  });

  it('writes back what a Redis with an older copy of its data does not have, the later version of each record', async () => {
    const { mirror, follow, warnings } = follower();
    await write('a', 'free');
    const older = await redis.client.hgetall('psa:{state}:tenants');
    await write('a', 'premium');
    await write('b', 'basic');
    await follow();
    await redis.client.flushall();
    await redis.client.hset('psa:{state}:tenants', older);
    await follow();
    await follow();
    expect((await tenants.list()).map(({ id, value }) => [id, value.plan])).toEqual([
      ['a', 'premium'],
      ['b', 'basic'],
    ]);
    expect(mirror.missing).toBe(0);
    expect(warnings).toEqual([{ records: { tenants: 2 } }]);
  });

  it('skips what is no record, and keeps on', async () => {
    const { mirror, follow } = follower();
    await redis.client.hset('psa:{state}:tenants', 'odd', '{"revision":1,"value":{"status":"odd"}}');
    await follow();
    await redis.client.xadd('psa:{state}:changes', '*', 'no-such-table', 'x');
    await redis.client.xadd('psa:{state}:changes', '*', 'tenants', 'not-there');
    await write('a', 'free');
    await follow();
    expect([mirror.size, mirror.get('odd')]).toEqual([1, undefined]);
  });
});

describe('a copy', () => {
  it('drops what has expired, and never writes it back', async () => {
    const { mirror, follow } = follower();
    await write('a', 'free', nowMs + 1000);
    await write('b', 'free');
    await follow();
    expect(mirror.get('a')).toBeDefined();
    nowMs += 1000;
    expect(mirror.get('a')).toBeUndefined();
    mirror.sweep();
    expect(mirror.size).toBe(1);
    await redis.client.flushall();
    await follow();
    await follow();
    expect((await tenants.list()).map(({ id }) => id)).toEqual(['b']);
  });

  it('of 100,000 revocations is read and written back without keeping the worker from its requests', async () => {
    const count = 100_000;
    const mirror = mirrorOf(revocationTable, { command, now });
    for (let index = 0; index < count; index += 500) {
      const writes = Array.from({ length: 500 }, (_, offset) => ({
        id: `jti:8d0f4f5e-5b0a-4f6e-9d57-${String(index + offset).padStart(12, '0')}`,
        revision: nowMs,
        expiresAtMs: nowMs + 3_600_000,
        value: { issuedUntilSeconds: 1 },
      }));
      await writeRecords(revocationTable, { command, writes });
    }
    const loop = countTurns();
    // Measured: 0.7 s, and 25 MB of memory.
    await mirror.readAll();
    expect(mirror.size).toBe(count);
    await redis.client.flushall();
    await mirror.readAll();
    expect(mirror.missing).toBe(count);
    await mirror.restore();
    expect(await redis.client.hlen('psa:{state}:revocations')).toBe(count);
    expect(loop.stop()).toBeGreaterThan(TURNS);
  }, 180_000);
});
