import { cpSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keptMetrics } from '../../../src/observe/kept-metrics.ts';
import { openMetrics } from '../../../src/observe/open-metrics.ts';
import { type Snapshot, sumOfMetrics, textOfMetrics } from '../../../src/observe/sum-metrics.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-kept-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A worker with metrics of its own, which keeps them in the folder. */
function worker(id: string) {
  const errors: unknown[] = [];
  const metrics = openMetrics({
    breakers: () => ({}),
    instances: () => ({}),
    sharedState: () => ({ ageSeconds: 0, records: {} }),
    isRedisAway: () => false,
    refusedByRedis: () => [],
    isReady: () => true,
    lostLogLines: () => 0,
    openWebSockets: () => 0,
    load: () => ({ limit: 0, underWay: 0 }),
    concurrency: () => ({}),
    tokenCache: () => ({ hit: 0, miss: 0 }),
    keySets: () => ({}),
    version: '1.0.0',
  });
  const { snapshot } = metrics;
  const kept = keptMetrics({ folder, id, snapshot, sumOf: sumOfMetrics, onError: (error) => errors.push(error) });
  const count = (times: number) => {
    for (let index = 0; index < times; index++) metrics.limitDecided('user', 'passed');
  };
  return { ...kept, count, errors };
}

const NAME = 'gateway_rate_limit_decisions_total{limit="user",decision="passed"}';

async function sumOf(snapshots: readonly Snapshot[]): Promise<number> {
  const { text } = await textOfMetrics(snapshots);
  const line = text.split('\n').find((candidate) => candidate.startsWith(NAME));
  return Number(line?.slice(NAME.length) ?? 0);
}

/** A worker that has counted, has been asked and has ended. */
async function ended(id: string, times: number): Promise<void> {
  const gone = worker(id);
  gone.count(times);
  await gone.keep();
}

describe('the counts of ended workers', () => {
  it('are in the sum once their worker is not among the living, and as it last told them', async () => {
    await ended('a', 3);
    const b = worker('b');
    b.count(2);
    expect(await sumOf([await b.keep(), ...(await b.except(['b']))])).toBe(5);
    expect(await sumOf(await b.except(['a', 'b']))).toBe(0);
  });

  it('stay the same when they are added up into one file', async () => {
    await ended('a', 3);
    await ended('b', 4);
    const c = worker('c');
    await c.addUp(['c']);
    expect(readdirSync(folder)).toEqual(['ended.json']);
    expect(await sumOf(await c.except(['c']))).toBe(7);
    await ended('d', 1);
    await c.addUp(['c']);
    expect(await sumOf(await c.except(['c']))).toBe(8);
  });

  it('are not counted twice when whoever added them up was killed before it could remove their files', async () => {
    await ended('a', 3);
    const copy = `${folder}-copy`;
    cpSync(folder, copy, { recursive: true });
    const b = worker('b');
    await b.addUp(['b']);
    cpSync(copy, folder, { recursive: true });
    rmSync(copy, { recursive: true });
    expect(readdirSync(folder)).toHaveLength(2);
    expect(await sumOf(await b.except(['b']))).toBe(3);
    await b.addUp(['b']);
    expect(await sumOf(await b.except(['b']))).toBe(3);
    expect(readdirSync(folder)).toEqual(['ended.json']);
  });

  it('are not counted twice by whoever has read a file before others added up twice', async () => {
    await ended('a', 3);
    const copy = `${folder}-copy`;
    cpSync(folder, copy, { recursive: true });
    const b = worker('b');
    await b.addUp(['b']);
    await b.addUp(['b']);
    await ended('c', 4);
    await b.addUp(['b']);
    cpSync(copy, folder, { recursive: true });
    rmSync(copy, { recursive: true });
    expect(await sumOf(await b.except(['b']))).toBe(7);
  });

  it('are the same when several workers start, add up and are asked at once', async () => {
    for (let index = 0; index < 20; index++) await ended(`old-${index}`, 1);
    const living = Array.from({ length: 4 }, (_, index) => worker(`new-${index}`));
    const ids = living.map((_, index) => `new-${index}`);
    const asked = await Promise.all([
      ...living.map(async (one) => one.addUp(ids).then(() => one.except(ids))),
      ...living.map(async (one) => one.except(ids)),
    ]);
    expect(await Promise.all(asked.map(sumOf))).toEqual(asked.map(() => 20));
    expect(await sumOf(await worker('x').except(ids))).toBe(20);
  });

  it('are added up again after a worker was killed in the middle of it', async () => {
    await ended('a', 3);
    const lock = join(folder, 'ended.lock');
    writeFileSync(lock, '');
    const b = worker('b');
    await b.addUp(['b']);
    expect(readdirSync(folder)).toContain('a.metrics.json');
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(lock, longAgo, longAgo);
    await b.addUp(['b']);
    await b.addUp(['b']);
    expect(readdirSync(folder)).toEqual(['ended.json']);
  });

  it('hold no gauge: a worker that is gone uses no memory', async () => {
    await ended('a', 1);
    const { text } = await textOfMetrics(await worker('b').except(['b']));
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain('process_resident_memory_bytes');
  });

  it('are left out where a file is damaged', async () => {
    await ended('a', 3);
    writeFileSync(join(folder, 'b.metrics.json'), '[{"name":');
    expect(await sumOf(await worker('c').except(['c']))).toBe(3);
  });

  it('do not stand in the way of an answer when they can not be written', async () => {
    const a = worker('a');
    a.count(2);
    rmSync(folder, { recursive: true });
    expect(await sumOf([await a.keep()])).toBe(2);
    expect(a.errors).toHaveLength(1);
  });
});
