import { setTimeout as sleep } from 'node:timers/promises';
import { PREFIX } from '../contenders/contender.ts';
import { startOneWorker } from '../contenders/gateway.ts';
import { closedLoop } from '../measure/closed-loop.ts';
import { type Lane, openLane } from '../measure/lane.ts';
import { openLoop } from '../measure/open-loop.ts';
import { memoryOf } from '../measure/process-account.ts';
import { median, medians, type Percentiles } from '../measure/statistics.ts';
import type { IdleFigures } from '../report/result.ts';
import { payloads } from '../rig/payloads.ts';
import { type Rig, requestBytes } from '../rig/rig.ts';
import { RATE } from './plan.ts';

interface IdleOptions {
  readonly rig: Rig;
  readonly connections: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

const OTHERS = 32;
/** One stretch of others' requests. Opening and this must fit into the gateway's keep-alive time. */
const SECONDS = 8;
/** So many are opened at a time. More keep a worker busy for so long that it refuses some. */
const BATCH = 50;

/** What connections cost that have sent one request and stay: memory, and the time of others' requests beside them. */
export async function measureIdle({ rig, connections, rounds, say }: IdleOptions): Promise<IdleFigures> {
  const gateway = await startOneWorker({ ...rig, upstreamPort: rig.upstream.port, redisPort: rig.redis.port });
  const load = loadOf(gateway.port, rig);
  const samples: { without: Percentiles; with: Percentiles; kibibytes: number }[] = [];
  try {
    say('warming up, with as many requests as there will be connections');
    await closedLoop({ ...load, connections: OTHERS, nextRequest: () => load.request, requests: connections * 2 });
    for (let round = 0; round < rounds; round++) {
      say(`round ${round + 1} of ${rounds}: without, and with ${connections} idle connections`);
      const without = await others(load);
      const before = await settledKibibytes(gateway.pid);
      const lanes = await openIdle(load, connections);
      const kibibytes = (await settledKibibytes(gateway.pid)) - before;
      const beside = await others(load);
      const closed = lanes.filter((lane) => !lane.isOpen()).length;
      for (const lane of lanes) lane.close();
      if (closed > 0) throw new Error(`${closed} idle connections were closed before the end`);
      samples.push({ without, with: beside, kibibytes });
    }
  } finally {
    await gateway.stop();
  }
  return {
    connections,
    // Of the first round: what the process has once had, it gives to later connections again.
    kibibytesPerConnection: (samples[0]?.kibibytes ?? Number.NaN) / connections,
    without: medians(samples.map((sample) => sample.without)),
    with: medians(samples.map((sample) => sample.with)),
  };
}

function loadOf(port: number, { headers }: Rig) {
  const [smallest] = payloads;
  const { path = '', bytes = 0 } = smallest ?? {};
  return { port, request: requestBytes(`${PREFIX}${path}`, headers), expected: { status: 200, bodyBytes: bytes } };
}

type Load = ReturnType<typeof loadOf>;

async function others(load: Load): Promise<Percentiles> {
  const { p50, p95, p99, p999 } = await openLoop({ ...load, connections: OTHERS, perSecond: RATE, seconds: SECONDS });
  return { p50, p95, p99, p999 };
}

async function openIdle({ port, request, expected }: Load, connections: number): Promise<Lane[]> {
  const lanes: Lane[] = [];
  const openOne = async () => {
    const lane = await openLane(port, expected);
    lanes.push(lane);
    await new Promise<void>((resolve, reject) => {
      lane.send(request, ({ failure }) => (failure === undefined ? resolve() : reject(new Error(failure))));
    });
  };
  while (lanes.length < connections) {
    const batch = Math.min(BATCH, connections - lanes.length);
    await Promise.all(Array.from({ length: batch }, openOne));
  }
  return lanes;
}

/** The collector of garbage works in bursts, so memory is looked at for a while. */
async function settledKibibytes(pid: number): Promise<number> {
  const samples: number[] = [];
  for (let look = 0; look < 8; look++) {
    await sleep(500);
    samples.push(memoryOf([pid]).resident);
  }
  return median(samples);
}
