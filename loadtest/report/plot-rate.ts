import type { Step } from '../measure/time-line.ts';
import { formatNumber } from '../metrics.ts';
import type { Result } from '../run/result.ts';
import { escapeHtml } from './escape.ts';
import { type Frame, frameOf, HEIGHT, round, type Scale, WIDTH } from './frame.ts';

const TICKS = 5;

/** Answers per second over time, a column for each step, its layers by status. */
export function plotRate(result: Result): string {
  const { steps, stepMs } = result.summary.timeLine;
  const statuses = [...new Set(steps.flatMap(({ ratesByStatus }) => Object.keys(ratesByStatus)))].toSorted(byStatus);
  const frame = frameOf(result, rateScale(steps));
  const columns = steps.map((step) => columnOf(step, { statuses, stepMs, frame }));
  const keys = statuses.map((status) => `<span class="key ${colourOf(status)}">${escapeHtml(nameOf(status))}</span>`);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Answers per second over time, by status">
${[frame.ground, ...columns].join('\n')}
</svg>
<p class="legend">${keys.join('')}</p>`;
}

interface ColumnOptions {
  readonly statuses: readonly string[];
  readonly stepMs: number;
  readonly frame: Frame;
}

function columnOf({ atMs, ratesByStatus }: Step, { statuses, stepMs, frame: { x, y } }: ColumnOptions): string {
  const present = statuses.filter((status) => ratesByStatus[status] !== undefined);
  let below = 0;
  const layers = present.map((status) => {
    const [from, to] = [below, below + (ratesByStatus[status] ?? 0)];
    below = to;
    const height = round(y(from) - y(to));
    return `<rect class="${colourOf(status)}" x="${x(atMs)}" width="${round(x(stepMs) - x(0) - 0.5)}" y="${y(to)}" height="${height}"/>`;
  });
  const parts = present.map((status) => `${nameOf(status)}: ${formatNumber(ratesByStatus[status])}/s`);
  return `<g>${layers.join('')}<title>${escapeHtml(`${formatNumber(atMs / 1000)} s: ${parts.join(', ')}`)}</title></g>`;
}

function rateScale(steps: readonly Step[]): Scale {
  const sums = steps.map(({ ratesByStatus }) => Object.values(ratesByStatus).reduce((sum, rate) => sum + rate, 0));
  const highest = Math.max(1, ...sums);
  const power = 10 ** Math.floor(Math.log10(highest / TICKS));
  const length = [1, 2, 5, 10].map((digit) => digit * power).find((step) => highest / step <= TICKS) ?? highest;
  const top = Math.ceil(highest / length) * length;
  return {
    ticks: Array.from({ length: Math.round(top / length) + 1 }, (_, index) => index * length),
    share: (value) => value / top,
    label: (value) => `${formatNumber(value)}/s`,
  };
}

/** What went well at the bottom, what went wrong on top. */
function byStatus(a: string, b: string): number {
  return rankOf(a) - rankOf(b);
}

function rankOf(status: string): number {
  return status === 'none' ? 1000 : Number(status);
}

function nameOf(status: string): string {
  return status === 'none' ? 'no answer' : status;
}

/** The class that gives a status its colour. */
function colourOf(status: string): string {
  const known = ['200', '201', '404', '429', '502', '503', '504', 'none'];
  return known.includes(status) ? `status-${status}` : `status-${status.slice(0, 1)}xx`;
}
