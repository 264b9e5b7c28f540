// npm run bench:bodies [-- --gib 1 --parallel 1,10,100 --stalled 100]
// Large bodies in both directions, byte by byte, and what they cost the gateway. Ends with 1 if one is not whole, or memory grows too much.
import { parseArgs } from 'node:util';
import { type BodyLoad, measureBodies } from './bodies/measure-bodies.ts';
import { asText, short } from './report/table.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** What a transfer may add to the resident memory of the gateway, however many there are. */
const MAX_GROWTH_MIB = 64;
/** Stalled ones fill the buffers between two connections, each of them. */
const MAX_STALLED_GROWTH_MIB = 100;
const STALLED_BYTES = 100 * MIB;
const STALL_MS = 10_000;

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '1' },
    parallel: { type: 'string', default: '1,10,100' },
    stalled: { type: 'string', default: '100' },
  },
});

const bytes = Math.round(Number(values.gib) * GIB);
const directions = ['down', 'up'] as const;
const moving = values.parallel
  .split(',')
  .map(Number)
  .filter((parallel) => parallel > 0)
  .flatMap((parallel) => directions.map((direction) => ({ direction, parallel, bytes, isChunked: false, stallMs: 0 })));
const stalled = [Number(values.stalled)]
  .filter((parallel) => parallel > 0)
  .flatMap((parallel) =>
    directions.map((direction) => ({ direction, parallel, bytes: STALLED_BYTES, isChunked: false, stallMs: STALL_MS })),
  );

const lines: string[][] = [];
for (const load of [...moving, ...stalled]) lines.push(await measure(load));
const heading = ['direction', 'parallel', 'MiB each', 'stalled', 'arrived', 'growth MiB', 'MB/s', 'MB per CPU-s'];
console.log(`\n${asText({ heading, lines })}\n`);

async function measure(load: BodyLoad): Promise<string[]> {
  const { direction, parallel, stallMs } = load;
  const { ends, growthKib, seconds, cpuSeconds } = await measureBodies(load);
  const growthMib = growthKib / 1024;
  const isWhole = ends.every((end) => end === 'whole');
  if (!isWhole || growthMib > (stallMs > 0 ? MAX_STALLED_GROWTH_MIB : MAX_GROWTH_MIB)) process.exitCode = 1;
  const megabytes = (parallel * load.bytes) / 1e6;
  const line = [
    direction,
    String(parallel),
    short(load.bytes / MIB),
    stallMs > 0 ? `${stallMs / 1000} s` : 'no',
    isWhole ? 'whole' : ends.join(', '),
    short(growthMib),
    short(megabytes / seconds),
    short(megabytes / cpuSeconds),
  ];
  console.log(`• ${line.join(' | ')}`);
  return line;
}
