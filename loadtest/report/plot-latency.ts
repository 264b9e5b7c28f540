import type { Step } from '../measure/time-line.ts';
import { formatNumber } from '../metrics.ts';
import type { Result } from '../run/result.ts';
import { type Frame, frameOf, HEIGHT, type Scale, WIDTH } from './frame.ts';

/** The quantiles, slowest first, so that the fastest is drawn on top. */
const QUANTILES = [
  { key: 'p99Ms', name: 'p99' },
  { key: 'p95Ms', name: 'p95' },
  { key: 'p50Ms', name: 'p50' },
] as const;

/** Latency over time, on a logarithmic scale: a spike of a second must not flatten a millisecond. */
export function plotLatency(result: Result): string {
  const { steps, stepMs } = result.summary.timeLine;
  const frame = frameOf(result, latencyScale(steps));
  const lines = QUANTILES.map(
    ({ key, name }) => `<path class="line ${name}" d="${pathOf(steps, key, stepMs, frame)}"/>`,
  );
  const hints = steps.map((step) => hint(step, stepMs, frame));
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Latency over time">
${[frame.ground, ...lines, ...hints].join('\n')}
</svg>
<p class="legend">${QUANTILES.map(({ name }) => `<span class="key ${name}">${name}</span>`).join('')}</p>`;
}

function latencyScale(steps: readonly Step[]): Scale {
  const values = steps.flatMap(({ p50Ms, p99Ms }) => [p50Ms, p99Ms]).filter((value) => value > 0);
  const lowest = 10 ** Math.floor(Math.log10(Math.min(1, ...values)));
  const highest = Math.max(lowest * 10, ...values) * 1.1;
  const decades = Array.from(
    { length: Math.ceil(Math.log10(highest / lowest)) + 1 },
    (_, index) => lowest * 10 ** index,
  );
  const ticks = decades.flatMap((decade) => [1, 2, 5].map((digit) => digit * decade));
  return {
    ticks: ticks.filter((tick) => tick <= highest),
    share: (value) => Math.log(value / lowest) / Math.log(highest / lowest),
    label: (value) => `${Number(value.toPrecision(1))} ms`,
  };
}

/** A line that breaks where nothing was answered. */
function pathOf(
  steps: readonly Step[],
  key: (typeof QUANTILES)[number]['key'],
  stepMs: number,
  { x, y }: Frame,
): string {
  let isDrawing = false;
  return steps
    .map((step) => {
      const value = step[key];
      const command = isDrawing ? 'L' : 'M';
      isDrawing = Number.isFinite(value) && value > 0;
      return isDrawing ? `${command}${x(step.atMs + stepMs / 2)} ${y(value)}` : '';
    })
    .join('');
}

function hint({ atMs, p50Ms, p95Ms, p99Ms }: Step, stepMs: number, { x }: Frame): string {
  const text = `${formatNumber(atMs / 1000)} s: p50 ${formatNumber(p50Ms)} ms, p95 ${formatNumber(p95Ms)} ms, p99 ${formatNumber(p99Ms)} ms`;
  return `<rect class="hint" x="${x(atMs)}" width="${x(stepMs) - x(0)}" y="0" height="${HEIGHT}"><title>${text}</title></rect>`;
}
