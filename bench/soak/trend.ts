import { median } from '../measure/statistics.ts';
import type { Trend } from '../report/result.ts';

/** One quantity, looked at again and again. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** Growth that is noise, however small the quantity is. */
  readonly tolerance: number;
  readonly points: readonly Point[];
}

/** What was seen at one moment. */
export interface Point {
  readonly seconds: number;
  readonly value: number;
}

/** Growth by this share of the quantity is noise. */
const TOLERATED_SHARE = 0.05;

/** Stretches of the second half, of which the lowest point of each counts. */
const STRETCHES = 6;

/**
 * Says whether a quantity is flat over the second half of its time, when everything that is filled once has been filled. What
 * leaks raises the lowest points too, while garbage that waits for its collector, and bursts, raise the others. The line
 * through the lowest points is the one of Theil and Sen, the median of the slopes of all pairs, which single ones don't move.
 */
export function trendOf({ name, unit, tolerance, points }: Series): Trend {
  const until = points.at(-1)?.seconds ?? 0;
  const half = points.filter(({ seconds }) => seconds >= until / 2);
  const duration = until - (half[0]?.seconds ?? 0);
  const middle = median(half.map(({ value }) => value));
  const growth = median(slopesOf(lowestPoints(half))) * duration;
  const allowed = Math.max(tolerance, middle * TOLERATED_SHARE);
  return { name, unit, median: middle, growth, allowed, isFlat: growth <= allowed };
}

function lowestPoints(points: readonly Point[]): Point[] {
  const perStretch = Math.ceil(points.length / STRETCHES);
  return Array.from({ length: STRETCHES }, (_, stretch) => {
    const own = points.slice(stretch * perStretch, (stretch + 1) * perStretch);
    return own.toSorted((a, b) => a.value - b.value).slice(0, 1);
  }).flat();
}

function slopesOf(points: readonly Point[]): number[] {
  return points.flatMap((first, index) =>
    points.slice(index + 1).map((second) => (second.value - first.value) / (second.seconds - first.seconds)),
  );
}
