import { DIRECT } from '../contenders/contender.ts';
import type { Comparison, Result } from './result.ts';
import { short, type Table, whole } from './table.ts';
import { judge } from './targets.ts';

/** What each contender costs, and what it takes, by payload, for so many workers. */
export function saturationTable({ saturation }: Comparison, workers: number): Table {
  const rows = saturation.filter((row) => row.workers === workers);
  return {
    heading: [
      'payload',
      'contender',
      'CPU µs',
      'user',
      'system',
      'range',
      'req/s',
      'MB/CPU-s',
      'p50 ms',
      'p95',
      'p99',
      'p99.9',
    ],
    lines: rows.map((row) => [
      row.payload,
      row.contender,
      ...[row.cpu, row.cpuUser, row.cpuSystem].map(short),
      `${short(row.cpuLeast)}–${short(row.cpuMost)}`,
      whole(row.requestsPerSecond),
      whole(row.megabytesPerCpuSecond),
      ...[row.p50, row.p95, row.p99, row.p999].map(short),
    ]),
  };
}

/** What each contender adds to a direct call at a fixed rate, for so many workers. */
export function openLoopTable({ openLoop }: Comparison, workers: number): Table {
  const rows = openLoop.filter((row) => row.workers === workers);
  const direct = rows.find(({ contender }) => contender === DIRECT);
  return {
    heading: [
      'contender',
      'p50 ms',
      'p95',
      'p99',
      'p99.9',
      'p50 added',
      'p99 added',
      'CPU µs',
      'generator late p50',
      'p99',
    ],
    lines: rows.map((row) => [
      row.contender,
      ...[row.p50, row.p95, row.p99, row.p999].map(short),
      ...(direct === undefined ? ['', ''] : [row.p50 - direct.p50, row.p99 - direct.p99].map(short)),
      short(row.cpu),
      ...[row.lateP50, row.lateP99].map(short),
    ]),
  };
}

/** What each contender holds in memory after the load. */
export function memoryTable({ memory }: Comparison): Table {
  const mebibytes = (kibibytes: number) => whole(kibibytes / 1024);
  return {
    heading: ['workers', 'contender', 'RSS MiB', 'PSS MiB'],
    lines: memory.map(({ workers, contender, resident, proportional }) => [
      String(workers),
      contender,
      mebibytes(resident),
      mebibytes(proportional),
    ]),
  };
}

/** The numbers to reach. */
export function targetsTable(result: Result): Table {
  return {
    heading: ['what', 'at least', 'aim', 'measured', 'verdict'],
    lines: judge(result).map(({ what, bound, aim, measured, verdict }) => [what, bound, aim, measured, verdict]),
  };
}
