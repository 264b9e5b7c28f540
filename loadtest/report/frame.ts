import type { Result } from '../run/result.ts';
import { escapeHtml } from './escape.ts';

/** Size of a plot in its own units; a browser scales it. */
export const WIDTH = 960;
export const HEIGHT = 280;
const LEFT = 64;
const RIGHT = WIDTH - 40;
const TOP = 26;
const BOTTOM = HEIGHT - 30;
/** Steps of the time axis in seconds, of which the first is taken that gives no more than MOST_TICKS. */
const TICK_LENGTHS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const MOST_TICKS = 10;
/** Changes of a breaker that come so soon after each other are one mark: workers change within moments. */
const ONE_MARK_MS = 3000;

/** How a value becomes a height. */
export interface Scale {
  readonly ticks: readonly number[];
  /** From 0, the bottom, to 1. */
  readonly share: (value: number) => number;
  readonly label: (value: number) => string;
}

/** Where in a plot something stands. */
export interface Frame {
  readonly x: (atMs: number) => number;
  readonly y: (value: number) => number;
  /** Axes, grid, and what happened to the breakers: the ground on which the data is drawn. */
  readonly ground: string;
}

/** The frame of a plot over the time line of a result. */
export function frameOf(result: Result, scale: Scale): Frame {
  const { stepMs, steps } = result.summary.timeLine;
  const lengthMs = Math.max(stepMs, steps.length * stepMs);
  const x = (atMs: number) => round(LEFT + (atMs / lengthMs) * (RIGHT - LEFT));
  const y = (value: number) => round(BOTTOM - scale.share(value) * (BOTTOM - TOP));
  const rows = scale.ticks.map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/>` +
      `<text class="tick" text-anchor="end" x="${LEFT - 8}" y="${y(tick) + 4}">${escapeHtml(scale.label(tick))}</text>`,
  );
  const columns = timeTicks(lengthMs / 1000).map(
    (second) => `<text class="tick" text-anchor="middle" x="${x(second * 1000)}" y="${HEIGHT - 10}">${second} s</text>`,
  );
  return { x, y, ground: [outageBand(result, x), ...rows, ...columns, ...breakerMarks(result, x)].join('\n') };
}

function timeTicks(seconds: number): number[] {
  const length = TICK_LENGTHS.find((candidate) => seconds / candidate <= MOST_TICKS) ?? 3600;
  return Array.from({ length: Math.floor(seconds / length) + 1 }, (_, index) => round(index * length));
}

function outageBand({ outage, summary }: Result, x: Frame['x']): string {
  if (outage === undefined) return '';
  const [from, until] = [outage.fromMs, outage.untilMs].map((atMs) => x(atMs - summary.timeLine.startMs));
  if (from === undefined || until === undefined) return '';
  const title = `${outage.upstream} fails, until its breakers are closed again`;
  return `<rect class="outage" x="${from}" width="${round(until - from)}" y="${TOP}" height="${BOTTOM - TOP}"><title>${escapeHtml(title)}</title></rect>`;
}

function breakerMarks({ breakers, summary }: Result, x: Frame['x']): string[] {
  const marks: { at: number; atMs: number; text: string; count: number }[] = [];
  for (const { atMs, upstream, state } of breakers?.changes ?? []) {
    const text = `${upstream} ${state}`;
    const same = marks.find((mark) => mark.text === text && atMs - mark.atMs < ONE_MARK_MS);
    if (same === undefined) marks.push({ at: x(atMs - summary.timeLine.startMs), atMs, text, count: 1 });
    else same.count++;
  }
  return marks.map(({ at, text, count }, index) => {
    // Marks that stand close together take turns on two lines, so that their words don't overlap.
    const line = TOP - (index % 2 === 0 ? 4 : 15);
    const words = `${text}${count > 1 ? ` ×${count}` : ''}`;
    return `<line class="mark" x1="${at}" x2="${at}" y1="${line}" y2="${BOTTOM}"/><text class="mark-text" x="${at + 3}" y="${line}">${escapeHtml(words)}</text>`;
  });
}

/** More decimals than a tenth of a unit only make the page longer. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
