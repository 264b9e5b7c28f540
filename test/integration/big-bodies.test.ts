import { describe, expect, it } from '@jest/globals';
import { type BodyLoad, measureBodies } from '../../bench/bodies/measure-bodies.ts';
import { BodyCheck, bodyStream } from '../../bench/bodies/pattern.ts';

const MIB = 1024 * 1024;
const MAX_GROWTH_KIB = 64 * 1024;
/** The whole of what is promised is measured by `npm run bench:bodies`. */
const moving = { parallel: 8, bytes: 64 * MIB, stallMs: 0 };
const stalled = { parallel: 30, bytes: 8 * MIB, stallMs: 500 };

describe('large bodies through a gateway process', () => {
  it.each<BodyLoad>([
    { direction: 'down', isChunked: false, ...moving },
    { direction: 'up', isChunked: true, ...moving },
    { direction: 'down', isChunked: true, ...stalled },
    { direction: 'up', isChunked: false, ...stalled },
  ])(
    'arrive byte by byte and cost it less than 64 MiB, all together (%p)',
    async (load) => {
      const { ends, growthKib } = await measureBodies(load);
      expect(ends).toEqual(['whole']);
      expect(growthKib).toBeLessThan(MAX_GROWTH_KIB);
    },
    60_000,
  );
});

describe('the check of a body', () => {
  const id = { seed: 7, bytes: 200_000 };

  async function isWhole(change: (body: Buffer) => Buffer): Promise<boolean> {
    const chunks: Buffer[] = [];
    for await (const chunk of bodyStream(id) as AsyncIterable<Buffer>) chunks.push(chunk);
    const check = new BodyCheck(id);
    const body = change(Buffer.concat(chunks));
    // In pieces whose ends are not those of any block.
    for (let at = 0; at < body.length; at += 9973) check.add(body.subarray(at, at + 9973));
    return check.isWhole();
  }

  it('passes the body itself', async () => {
    expect(await isWhole((body) => body)).toBe(true);
  });

  it.each<[string, (body: Buffer) => Buffer]>([
    ['a byte changed', (body) => Buffer.from(body.map((byte, at) => (at === 150_000 ? byte ^ 1 : byte)))],
    ['a byte less', (body) => body.subarray(0, -1)],
    ['a byte more', (body) => Buffer.concat([body, Buffer.alloc(1)])],
    [
      'two blocks exchanged',
      (body) => Buffer.concat([body.subarray(65_536, 131_072), body.subarray(0, 65_536), body.subarray(131_072)]),
    ],
    [
      'a block twice',
      (body) => Buffer.concat([body.subarray(0, 65_536), body.subarray(0, 65_536), body.subarray(131_072)]),
    ],
  ])('notices %s', async (_what, change) => {
    expect(await isWhole(change)).toBe(false);
  });
});
