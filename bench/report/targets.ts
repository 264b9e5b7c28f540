import { DIRECT } from '../contenders/contender.ts';
import type { Result, SaturationRow } from './result.ts';

/** How a figure stands to what was to be reached. */
export type Verdict = 'aim reached' | 'target met' | 'missed' | 'not measured';

/** One number to reach. */
export interface Target {
  readonly what: string;
  readonly unit: string;
  /** Whether less is better. */
  readonly isUpperBound: boolean;
  readonly target: number;
  readonly aim?: number;
  /** Nothing if the result lacks what it takes. */
  readonly measure: (result: Result) => number | undefined;
}

/** A target with what was measured. */
export interface JudgedTarget {
  readonly what: string;
  readonly bound: string;
  readonly aim: string;
  readonly measured: string;
  readonly verdict: Verdict;
}

const SMALL = '200 B';
const LARGE = '1 MiB';
/** On a machine where a direct call takes so long, what the gateway adds can't be told from what others do. */
const TOO_BUSY_MS = 2;
/** The same for a request through the gateway. */
const TOO_BUSY_FOR_GATEWAY_MS = 10;

/** The numbers to reach. All are ratios or differences inside one run, with one worker. */
export const targets: readonly Target[] = [
  {
    what: 'CPU per request against Express + http-proxy-middleware, bare',
    ...atMost({ target: 0.8, aim: 0.5, unit: '×' }),
    measure: cpuAgainst('express'),
  },
  {
    what: 'CPU per request against the obvious build',
    ...atMost({ target: 0.3, aim: 0.15, unit: '×' }),
    measure: cpuAgainst('obvious'),
  },
  {
    what: 'CPU per request against HAProxy, same policy',
    ...atMost({ target: 4, aim: 2.5, unit: '×' }),
    measure: cpuAgainst('haproxy'),
  },
  {
    what: 'latency added at 1,000 req/s, p50',
    ...atMost({ target: 0.6, aim: 0.3, unit: 'ms' }),
    measure: addedLatency('p50'),
  },
  {
    what: 'latency added at 1,000 req/s, p99',
    ...atMost({ target: 3, aim: 1, unit: 'ms' }),
    measure: addedLatency('p99'),
  },
  {
    what: '1 MiB bodies, MB/s per CPU-second against nginx',
    unit: '×',
    isUpperBound: false,
    target: 0.4,
    aim: 0.7,
    measure: ratioOf({ key: 'megabytesPerCpuSecond', payload: LARGE, peer: 'nginx' }),
  },
  {
    what: 'memory of an idle keep-alive connection',
    ...atMost({ target: 25, unit: 'KiB' }),
    measure: ({ idle }) => idle?.kibibytesPerConnection,
  },
  {
    what: 'p99 of others beside idle connections, against without',
    ...atMost({ target: 2, unit: '×' }),
    measure: ({ idle }) =>
      idle && idle.without.p99 <= TOO_BUSY_FOR_GATEWAY_MS ? idle.with.p99 / idle.without.p99 : undefined,
  },
  {
    what: 'CPU per request with many routes and users, against few',
    ...atMost({ target: 1.1, unit: '×' }),
    measure: ({ scale }) => scale && scale.cpuOfMany / scale.cpuOfFew,
  },
];

/** Every target with what the result says of it. */
export function judge(result: Result): JudgedTarget[] {
  return targets.map((target) => {
    const measured = target.measure(result);
    const limit = (value: number | undefined) =>
      value === undefined ? '' : `${target.isUpperBound ? '≤' : '≥'} ${value} ${target.unit}`;
    return {
      what: target.what,
      bound: limit(target.target),
      aim: limit(target.aim),
      measured: measured === undefined ? '' : `${measured.toFixed(2)} ${target.unit}`,
      verdict: measured === undefined ? 'not measured' : verdictOn(target, measured),
    };
  });
}

function verdictOn({ isUpperBound, target, aim }: Target, measured: number): Verdict {
  const reaches = (limit: number) => (isUpperBound ? measured <= limit : measured >= limit);
  if (aim !== undefined && reaches(aim)) return 'aim reached';
  return reaches(target) ? 'target met' : 'missed';
}

function atMost(limits: Pick<Target, 'unit' | 'target' | 'aim'>) {
  return { isUpperBound: true, ...limits };
}

function cpuAgainst(peer: string): Target['measure'] {
  return ratioOf({ key: 'cpu', payload: SMALL, peer });
}

interface RatioOptions {
  readonly key: 'cpu' | 'megabytesPerCpuSecond';
  readonly payload: string;
  readonly peer: string;
}

function ratioOf({ key, payload, peer }: RatioOptions): Target['measure'] {
  return ({ comparison }) => {
    const rowOf = (name: string): SaturationRow | undefined =>
      comparison?.saturation.find((row) => row.contender === name && row.workers === 1 && row.payload === payload);
    const [ours, theirs] = [rowOf('gateway'), rowOf(peer)];
    return ours && theirs && ours[key] / theirs[key];
  };
}

function addedLatency(key: 'p50' | 'p99'): Target['measure'] {
  return ({ comparison }) => {
    const rowOf = (name: string) => comparison?.openLoop.find((row) => row.contender === name && row.workers === 1);
    const [ours, direct] = [rowOf('gateway'), rowOf(DIRECT)];
    if (ours === undefined || direct === undefined || direct.p99 > TOO_BUSY_MS) return undefined;
    return ours[key] - direct[key];
  };
}
