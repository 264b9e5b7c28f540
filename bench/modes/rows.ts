import { medians, type Percentiles, rounded } from '../measure/statistics.ts';
import type { OpenLoopRow, SaturationRow } from '../report/result.ts';
import { RATE, type Segment } from './plan.ts';

/** What one stretch of load has found. CPU time in microseconds per request. */
export interface Figures extends Percentiles {
  readonly requests: number;
  readonly cpu: number;
  readonly cpuUser: number;
  readonly cpuSystem: number;
  readonly megabytesPerCpuSecond: number;
  /** Of wrk. */
  readonly requestsPerSecond?: number;
  /** Of the open loop. */
  readonly lateP50?: number;
  readonly lateP99?: number;
}

/** One stretch of load of one round. */
export interface Measured {
  readonly contender: string;
  readonly workers: number;
  readonly kind: Segment['kind'];
  readonly payload: string;
  readonly figures: Figures;
}

/** The medians of what was measured at saturation. */
export function saturationRows(measured: readonly Measured[]): SaturationRow[] {
  return grouped(measured, 'saturation').map(({ contender, workers, payload, all }) => {
    const cpus = all.map(({ cpu }) => cpu);
    const samples = all.map(({ requestsPerSecond = Number.NaN, cpu, cpuUser, cpuSystem, ...rest }) => {
      const { megabytesPerCpuSecond, p50, p95, p99, p999 } = rest;
      return { requestsPerSecond, cpu, cpuUser, cpuSystem, megabytesPerCpuSecond, p50, p95, p99, p999 };
    });
    const spread = { cpuLeast: rounded(Math.min(...cpus)), cpuMost: rounded(Math.max(...cpus)) };
    return { contender, workers, payload, ...medians(samples), ...spread };
  });
}

/** The medians of what was measured at a fixed rate. */
export function openLoopRows(measured: readonly Measured[]): OpenLoopRow[] {
  return grouped(measured, 'open loop').map(({ contender, workers, payload, all }) => {
    const samples = all.map(({ cpu, p50, p95, p99, p999, lateP50 = Number.NaN, lateP99 = Number.NaN }) => {
      return { cpu, p50, p95, p99, p999, lateP50, lateP99 };
    });
    return { contender, workers, payload, perSecond: RATE, ...medians(samples) };
  });
}

function grouped(measured: readonly Measured[], kind: Segment['kind']) {
  const groups = Map.groupBy(
    measured.filter((one) => one.kind === kind),
    ({ contender, workers, payload }) => JSON.stringify([workers, payload, contender]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, all: group.map(({ figures }) => figures) }];
  });
}
