import { openLoop } from '../measure/open-loop.ts';
import { cpuTimeOf } from '../measure/process-account.ts';
import { wrk } from '../measure/wrk.ts';
import { RATE, type Segment } from './plan.ts';
import type { Figures } from './rows.ts';
import type { Target } from './target.ts';

interface SegmentOptions {
  readonly target: Target;
  readonly segment: Segment;
  readonly connections: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The path that is asked for. */
  readonly url: string;
  /** The bytes of the same request. */
  readonly request: string;
  readonly bodyBytes: number;
}

/**
 * Plays one stretch of load against one target, and charges the CPU time to its requests.
 * @throws {Error} if a request failed
 */
export async function playSegment(options: SegmentOptions): Promise<Figures> {
  const { target, bodyBytes } = options;
  const before = cpuTimeOf(target.pids);
  const load = await playLoad(options).catch((error: unknown) => {
    throw new Error(`${target.name}, ${options.segment.kind}, ${options.segment.payload.name}`, { cause: error });
  });
  const after = cpuTimeOf(target.pids);
  const cpuUser = (after.user - before.user) / load.requests;
  const cpuSystem = (after.system - before.system) / load.requests;
  const cpu = cpuUser + cpuSystem;
  return { ...load, cpu, cpuUser, cpuSystem, megabytesPerCpuSecond: bodyBytes / cpu };
}

function playLoad({ target, segment, connections, headers, url, request, bodyBytes }: SegmentOptions) {
  const { port } = target;
  const { seconds } = segment;
  if (segment.kind === 'saturation') {
    return wrk({ url: `http://127.0.0.1:${port}${url}`, headers, connections, seconds, bodyBytes });
  }
  return openLoop({ port, request, expected: { status: 200, bodyBytes }, connections, perSecond: RATE, seconds });
}
