import { chartHead } from './chart-head.ts';
import type { Comparison, OpenLoopRow, SaturationRow } from './result.ts';

/** A picture before it is drawn: options of ECharts. */
export interface Chart {
  readonly name: string;
  readonly option: object;
}

const PERCENTILES = ['p50', 'p95', 'p99', 'p999'] as const;
const PERCENTILE_NAMES = ['p50', 'p95', 'p99', 'p99.9'];
const GRID = { left: 90, right: 40, bottom: 40, top: 90 };

/** The pictures of a comparison. */
export function comparisonCharts({ saturation, openLoop }: Comparison): Chart[] {
  const one = saturation.filter(({ workers }) => workers === 1);
  const small = one.filter(({ payload }) => payload === one[0]?.payload);
  return [
    { name: 'cpu', option: cpuBars(small) },
    { name: 'latency-saturated', option: latencyLines('Latency at saturation, 200 B, 1 worker', small) },
    {
      name: 'latency-1000',
      option: latencyLines(
        'Latency at 1,000 req/s, 200 B, 1 worker',
        openLoop.filter(({ workers }) => workers === 1),
      ),
    },
    { name: 'throughput', option: throughputBars(saturation.filter(({ payload }) => payload === one[0]?.payload)) },
    { name: 'large-bodies', option: largeBodyBars(one.filter(({ payload }) => payload === '1 MiB')) },
  ];
}

function cpuBars(rows: readonly SaturationRow[]): object {
  const label = { show: true, formatter: ({ value }: { value: number }) => value.toFixed(0) };
  const series = (name: string, values: number[]) => ({ name, type: 'bar', stack: 'cpu', data: values, label });
  return {
    ...chartHead('CPU µs per request, 200 B, saturated, 1 worker'),
    grid: GRID,
    yAxis: { type: 'category', inverse: true, data: rows.map(({ contender }) => contender) },
    xAxis: { type: 'value', name: 'µs' },
    series: [
      series(
        'user',
        rows.map(({ cpuUser }) => cpuUser),
      ),
      series(
        'system',
        rows.map(({ cpuSystem }) => cpuSystem),
      ),
    ],
  };
}

function latencyLines(title: string, rows: readonly (SaturationRow | OpenLoopRow)[]): object {
  return {
    ...chartHead(title),
    grid: GRID,
    xAxis: { type: 'category', data: PERCENTILE_NAMES },
    yAxis: { type: 'log', name: 'ms' },
    series: rows.map((row) => ({ name: row.contender, type: 'line', data: PERCENTILES.map((key) => row[key]) })),
  };
}

function throughputBars(rows: readonly SaturationRow[]): object {
  const names = [...new Set(rows.map(({ contender }) => contender))];
  const counts = [...new Set(rows.map(({ workers }) => workers))];
  const rateOf = (contender: string, workers: number) =>
    rows.find((row) => row.contender === contender && row.workers === workers)?.requestsPerSecond;
  return {
    ...chartHead('Requests per second, 200 B, saturated'),
    grid: GRID,
    xAxis: { type: 'category', data: names },
    yAxis: { type: 'value' },
    series: counts.map((workers) => ({
      name: `${workers} worker${workers === 1 ? '' : 's'}`,
      type: 'bar',
      data: names.map((name) => Math.round(rateOf(name, workers) ?? 0)),
    })),
  };
}

function largeBodyBars(rows: readonly SaturationRow[]): object {
  return {
    ...chartHead('MB per CPU-second, bodies of 1 MiB, 1 worker'),
    grid: GRID,
    xAxis: { type: 'category', data: rows.map(({ contender }) => contender) },
    yAxis: { type: 'value' },
    series: [
      {
        type: 'bar',
        label: { show: true, position: 'top' },
        data: rows.map(({ megabytesPerCpuSecond }) => Math.round(megabytesPerCpuSecond)),
      },
    ],
  };
}
