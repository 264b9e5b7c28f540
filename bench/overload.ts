// npm run bench:overload [-- --seconds N] [-- --only service|worker|nginx …] [-- --share 0.4]
// One worker, offered three times what it can serve, for a minute: what does it still serve, how fast does it refuse the
// rest, and is it itself again ten seconds later? Once with a service that is the bottleneck, once with the worker's own
// processor, and once with nginx in front of that. There the worker gets only a share of a processor, as root: whoever
// offers three times what a whole one can serve needs more than this machine has.
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cpuTimeOf } from './measure/process-account.ts';
import { wrk } from './measure/wrk.ts';
import { type ArrivalFigures, arrivals } from './overload/arrivals.ts';
import { busyWorker, busyWorkerBehindNginx, type Situation, slowService } from './overload/situations.ts';
import { requestBytes, setUpRig } from './rig/rig.ts';

const TIMES = 3;
const BEST_SECONDS = 8;
const RECOVERY_SECONDS = 10;
const CALM_SECONDS = 5;
/** Of the best, before and after. */
const CALM_SHARE = 0.5;
const CONNECTIONS = 512;
/** What nginx lets through, of the best: what an operator would set, who has measured that. */
const ADMITTED = 0.85;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', multiple: true },
    share: { type: 'string', default: '0.4' },
  },
});
const seconds = Number(values.seconds);
const share = Number(values.share);
const say = (text: string) => console.log(`• ${text}`);
const rig = await setUpRig();
say(`load of the machine before: ${loadavg()[0]?.toFixed(2)}`);
try {
  if (isWanted('service')) await overload('the service is the bottleneck', await slowService(rig));
  const best = isWanted('worker')
    ? await overload('the worker is the bottleneck', await busyWorker(rig, share))
    : undefined;
  if (isWanted('nginx')) {
    const known = best ?? (await measureBest());
    const perSecond = known * ADMITTED;
    const situation = await busyWorkerBehindNginx(rig, { perSecond, share });
    await overload(`the same behind nginx, which lets ${Math.round(perSecond)} per second through`, situation, known);
  }
} finally {
  await rig.tearDown();
}

function isWanted(name: string): boolean {
  return values.only === undefined || values.only.includes(name);
}

async function measureBest(): Promise<number> {
  const situation = await busyWorker(rig, share);
  const best = await bestOf(situation);
  await situation.stop();
  return best;
}

/** What it serves per second when nobody is refused: as many connections as keep it busy. */
async function bestOf({ port, path }: Situation): Promise<number> {
  const load = { url: `http://127.0.0.1:${port}${path}`, headers: rig.headers, connections: 32, bodyBytes: 0 };
  await wrk({ ...load, seconds: 4 });
  return (await wrk({ ...load, seconds: BEST_SECONDS })).requestsPerSecond;
}

async function overload(name: string, situation: Situation, known?: number): Promise<number> {
  try {
    const best = known ?? (await bestOf(situation));
    const { port, path, pid } = situation;
    const send = (perSecond: number, forSeconds: number) =>
      arrivals({
        port,
        request: requestBytes(path, rig.headers),
        perSecond: Math.round(perSecond),
        seconds: forSeconds,
        connections: CONNECTIONS,
      });
    const before = await send(best * CALM_SHARE, CALM_SECONDS);
    const cpuBefore = cpuTimeOf([pid]);
    const during = await send(best * TIMES, seconds);
    const cpuAfter = cpuTimeOf([pid]);
    await sleep(RECOVERY_SECONDS * 1000);
    const after = await send(best * CALM_SHARE, CALM_SECONDS);
    const cpuShare = (cpuAfter.user + cpuAfter.system - cpuBefore.user - cpuBefore.system) / (seconds * 1e6);
    console.log(`\n${name}: ${Math.round(best)} per second at best`);
    console.table({ before: row(before), 'three times as much': row(during), 'ten seconds later': row(after) });
    say(`served ${percent(during.servedPerSecond / best)} of the best, with ${percent(cpuShare)} of a processor`);
    return best;
  } finally {
    await situation.stop();
  }
}

function row({ served, refusals, ...figures }: ArrivalFigures) {
  const ms = (value: number) => (Number.isNaN(value) ? '' : value.toFixed(1));
  return {
    ...figures,
    'served p50/p99 ms': `${ms(served.p50)} / ${ms(served.p99)}`,
    'refused p50/p99 ms': `${ms(refusals.p50)} / ${ms(refusals.p99)}`,
  };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
