import { loadavg } from 'node:os';
import { type Contender, DIRECT, PREFIX, type RunningContender } from '../contenders/contender.ts';
import { memoryOf, processTree } from '../measure/process-account.ts';
import type { Comparison, MemoryRow } from '../report/result.ts';
import { type Rig, requestBytes } from '../rig/rig.ts';
import { type Plan, planOf, type Segment } from './plan.ts';
import { playSegment } from './play-segment.ts';
import { type Measured, openLoopRows, saturationRows } from './rows.ts';
import { checkAnswers, type Target } from './target.ts';

const QUIET_LOAD = 0.5;

interface CompareOptions {
  readonly rig: Rig;
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly connections: number;
  readonly workers: readonly number[];
  readonly plan: Plan;
  readonly say: (text: string) => void;
}

/**
 * Measures all contenders in turns: within a round each gets each segment once, so that what the machine does meanwhile
 * hits all of them.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { rounds, connections, workers: workerCounts, say } = options;
  const loadBefore = loadavg()[0] ?? Number.NaN;
  if (loadBefore > QUIET_LOAD)
    say(`the machine is not quiet (load ${loadBefore.toFixed(1)}): figures will be too high`);
  const measured: Measured[] = [];
  const memory: MemoryRow[] = [];
  for (const workers of workerCounts) {
    const part = await withContenders(options, workers);
    measured.push(...part.measured);
    memory.push(...part.memory);
  }
  const rows = { saturation: saturationRows(measured), openLoop: openLoopRows(measured), memory };
  return { loadBefore, rounds, connections, ...rows };
}

async function withContenders(options: CompareOptions, workers: number) {
  const { rig, contenders, say } = options;
  const running: (RunningContender & Pick<Contender, 'name' | 'isGuarded'>)[] = [];
  const start = { workers, upstreamPort: rig.upstream.port, redisPort: rig.redis.port, folder: rig.folder };
  try {
    say(`starting ${contenders.length} contenders with ${workers} worker${workers === 1 ? '' : 's'} each`);
    for (const { name, isGuarded, start: begin } of contenders) {
      running.push({ name, isGuarded, ...(await begin(start)) });
    }
    const { port, pid } = rig.upstream;
    const direct = { name: DIRECT, port, prefix: '', pids: processTree(pid), isGuarded: false };
    const targets = running.map((one) => ({ ...one, prefix: PREFIX, pids: processTree(one.pid) }));
    const all: Target[] = [direct, ...targets];
    for (const target of all) await checkAnswers(target, rig.headers);
    const measured = await playRounds({ ...options, workers, targets: all });
    const memory = targets.map(({ name, pids }) => ({ contender: name, workers, ...memoryOf(pids) }));
    return { measured, memory };
  } finally {
    for (const { stop } of running) await stop();
  }
}

async function playRounds(options: Omit<CompareOptions, 'workers'> & { workers: number; targets: readonly Target[] }) {
  const { rig, rounds, connections, plan, workers, targets, say } = options;
  const measured: Measured[] = [];
  const play = (target: Target, segment: Segment) => {
    const { path, bytes } = segment.payload;
    const url = `${target.prefix}${path}`;
    const request = requestBytes(url, rig.headers);
    return playSegment({ target, segment, connections, headers: rig.headers, url, request, bodyBytes: bytes });
  };
  for (const target of targets) for (const segment of planOf(plan.warmUp)) await play(target, segment);
  for (let round = 0; round < rounds; round++) {
    say(`${workers} worker${workers === 1 ? '' : 's'}, round ${round + 1} of ${rounds}`);
    for (const segment of planOf(plan.measured)) {
      for (const target of targets) {
        const { kind, payload } = segment;
        const figures = await play(target, segment);
        measured.push({ contender: target.name, workers, kind, payload: payload.name, figures });
      }
    }
  }
  return measured;
}
