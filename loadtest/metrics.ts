import type { Figures } from './measure/figures.ts';

/** What can be measured and have a target: the figures of all requests together, and what became of the breakers. */
export type Metric = keyof Figures | 'breakerOpenings' | 'breakersOpenAtEnd';

/** How each metric is called, and in what it is counted. */
export const metrics: Readonly<Record<Metric, { readonly label: string; readonly unit: string }>> = {
  requests: { label: 'requests', unit: '' },
  seconds: { label: 'duration', unit: 's' },
  throughput: { label: 'throughput', unit: 'req/s' },
  peak: { label: 'throughput of the busiest 10 s', unit: 'req/s' },
  meanMs: { label: 'mean latency', unit: 'ms' },
  p50Ms: { label: 'p50 latency', unit: 'ms' },
  p95Ms: { label: 'p95 latency', unit: 'ms' },
  p99Ms: { label: 'p99 latency', unit: 'ms' },
  maxMs: { label: 'slowest answer', unit: 'ms' },
  errors: { label: 'errors', unit: '' },
  errorPercent: { label: 'share of errors', unit: '%' },
  expectedFailures: { label: 'expected failures', unit: '' },
  breakerOpenings: { label: 'breakers opened', unit: '' },
  breakersOpenAtEnd: { label: 'breakers open at the end', unit: '' },
};

/** With as many digits as a reader needs; a dash for what could not be measured. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en');
  if (Math.abs(value) < 0.1) return value.toLocaleString('en', { maximumSignificantDigits: 2 });
  const digits = Math.abs(value) < 10 ? 2 : 1;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The number with its unit. */
export function formatMetric(metric: Metric, value: number | undefined): string {
  return `${formatNumber(value)} ${metrics[metric].unit}`.trimEnd();
}
