// npm run bench [-- --rounds N] [-- --requests N]
// The gateway with everything on against Express + http-proxy-middleware bare: same upstream, same load, interleaved rounds,
// medians. CPU time is the operating system's account of the gateway's process.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { contenders } from './contenders/contenders.ts';
import { cpuMicroseconds, residentMebibytes } from './cpu-time.ts';
import { load, type Sample } from './load.ts';
import { type Rig, setUpRig } from './rig.ts';

const CONNECTIONS = 32;

interface Measurement extends Sample {
  readonly cpuMicrosecondsPerRequest: number;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, requests: { type: 'string', default: '20000' } },
});
const rounds = Number(values.rounds);
const requests = Number(values.requests);

const rig = await setUpRig(contenders);
try {
  const samples = await measure(rig);
  report(rig, samples);
} finally {
  await rig.tearDown();
}

async function measure({ running, headers }: Rig): Promise<Map<string, Measurement[]>> {
  const samples = new Map(running.map(({ name }): [string, Measurement[]] => [name, []]));
  const options = { path: '/api/v1/crm/companies/acme', headers, connections: CONNECTIONS };
  for (const { port } of running) await load({ ...options, port, requests: requests / 2 });
  for (let round = 0; round < rounds; round++) {
    for (const { name, port, pid } of running) {
      const before = cpuMicroseconds(pid);
      const sample = await load({ ...options, port, requests });
      const cpuMicrosecondsPerRequest = (cpuMicroseconds(pid) - before) / requests;
      samples.get(name)?.push({ ...sample, cpuMicrosecondsPerRequest });
    }
  }
  return samples;
}

function report({ running }: Rig, samples: Map<string, Measurement[]>): void {
  const rows = running.map(({ name, pid }) => {
    const own = samples.get(name) ?? [];
    const median = (key: keyof Measurement) => rounded(medianOf(own.map((sample) => sample[key])));
    return {
      name,
      cpuMicroseconds: median('cpuMicrosecondsPerRequest'),
      requestsPerSecond: Math.round(median('requestsPerSecond')),
      p50: median('p50'),
      p99: median('p99'),
      residentMebibytes: residentMebibytes(pid),
    };
  });
  console.table(Object.fromEntries(rows.map(({ name, ...figures }) => [name, figures])));
  const [ours, yardstick] = rows;
  const ratio = rounded((ours?.cpuMicroseconds ?? Number.NaN) / (yardstick?.cpuMicroseconds ?? Number.NaN));
  console.log(
    `CPU per request: ${ratio} × of ${yardstick?.name} (medians of ${rounds} rounds of ${requests} requests)`,
  );
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const result = { commit, node: process.versions.node, connections: CONNECTIONS, rounds, requests, ratio, rows };
  writeFileSync(join(folder, `${commit}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
