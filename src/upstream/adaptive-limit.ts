import type { UpstreamSettings } from '../config/schema.ts';

type LimitSettings = Pick<UpstreamSettings['concurrency'], 'min' | 'tolerance'>;

interface AdaptiveLimitOptions {
  readonly settings: LimitSettings;
  /** It starts here, and comes back to it: whatever is not proven to be too much is allowed. */
  readonly max: number;
  /** Milliseconds: `clock` is monotonic, for durations; `now` is since 1970, the same for all workers. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
}

/** One request, from its beginning to the head of its answer, which has just come. */
export interface LatencySample {
  /** What is compared with its like: a route. */
  readonly kind: string;
  readonly latencyMs: number;
  /** False if it was given up. */
  readonly isAnswered: boolean;
  /** Requests under way, this one included. */
  readonly underWay: number;
}

/** How many requests at a time an upstream is given. */
export interface AdaptiveLimit {
  /** Whether there may be one more than so many. */
  admits(underWay: number): boolean;
  record(sample: LatencySample): void;
  current(): number;
}

const WINDOW_MS = 1000;
/** Of a window, before it is judged. */
const MIN_SAMPLES = 20;
/** The last so many of a window. */
const MAX_SAMPLES = 256;
/** Shorter times are noise of the machine, and of this event loop. */
const LEAST_BASELINE_MS = 10;
/** By how much a sample moves the baseline of its kind: up or down alike, so it stays near the median. */
const BASELINE_STEP = 1.01;
/** The limit falls to no less of itself at a time. */
const LARGEST_CUT = 0.5;
/** A second without need of half the limit lets it grow so much. */
const CALM_GROWTH = 1.25;
/** A cut is weighed once it has left no more than this share of what was in use. */
const WEIGHED_CUT = 0.7;
/** Small cuts are forgotten after so many more windows: what others send has changed since. */
const MOST_WINDOWS = 3;
/** The limit grows by no more than this in a window. */
const LARGEST_GROWTH = 1.25;

/** What a window has shown. */
interface Finding {
  /** How many times as long as usual most requests took. */
  readonly ratio: number;
  /** Answers per millisecond. */
  readonly rate: number;
  /** The most requests under way. */
  readonly used: number;
}

/**
 * Finds out how many requests at a time an upstream works on without keeping them waiting. While less than half of the
 * limit is in use, it learns what each kind of request takes, and does nothing. Beyond that it looks once a second whether
 * most requests take a multiple of that: then they queue, and the limit falls. A cut that brings fewer answers and no
 * shorter times is taken back, and what was slow is usual from then on: a service that is slow by itself is not made slower.
 * @see docs/adr/0014-what-is-refused-under-overload.md
 */
export function adaptiveLimit({ settings: { min, tolerance }, max, time }: AdaptiveLimitOptions): AdaptiveLimit {
  const least = Math.min(min, max);
  const baselines = new Map<string, number>();
  const ratios = new Float64Array(MAX_SAMPLES);
  let limit = max;
  // Whole seconds, so that all workers look and cut at the same moment: the cut of one would bring down too little to tell.
  const secondNow = () => Math.floor(time.now() / WINDOW_MS);
  const newWindow = () => ({ startedAt: time.clock(), second: secondNow(), answers: 0, samples: 0, peak: 0 });
  let window = newWindow();
  /** The last cut that has not been weighed: what it was made at. */
  let cut: (Finding & { readonly limit: number; windows: number }) | undefined;
  /** When half of the limit was last in use. */
  let busyAt = Number.NEGATIVE_INFINITY;
  const noteUse = (underWay: number) => {
    window.peak = Math.max(window.peak, underWay);
    if (underWay * 2 >= limit) busyAt = time.clock();
  };
  const isBusy = () => time.clock() - busyAt < WINDOW_MS;

  const hasHelped = ({ ratio, rate, used }: Finding, before: Finding) => {
    // Half of what it should have brought is enough, as numbers of one second are not exact.
    const share = (1 + used / before.used) / 2;
    return ratio <= before.ratio * share || rate >= before.rate * share;
  };
  const takeBack = (to: number, ratio: number) => {
    limit = to;
    cut = undefined;
    for (const [kind, baselineMs] of baselines) baselines.set(kind, Math.max(baselineMs, LEAST_BASELINE_MS) * ratio);
  };
  const judge = (finding: Finding) => {
    const { ratio, used } = finding;
    if (ratio <= tolerance) {
      cut = undefined;
      limit = Math.min(max, limit * Math.min(LARGEST_GROWTH, Math.sqrt(tolerance / ratio)));
      return;
    }
    const isWeighed = cut !== undefined && (used <= cut.used * WEIGHED_CUT || limit === least);
    if (cut !== undefined && isWeighed && !hasHelped(finding, cut)) return takeBack(cut.limit, ratio);
    if (cut === undefined || used <= cut.used * WEIGHED_CUT || cut.windows === MOST_WINDOWS) {
      cut = { ...finding, limit, windows: 0 };
    } else cut.windows++;
    // With some room to try whether there is more: workers that share a service need it to come to equal shares.
    const room = Math.sqrt(used) / 2;
    limit = Math.min(max, Math.max(least, used * Math.max(LARGEST_CUT, tolerance / ratio) + room));
  };

  return {
    admits(underWay) {
      const calmMs = time.clock() - Math.max(busyAt, window.startedAt);
      if (calmMs >= WINDOW_MS) {
        limit = Math.min(max, limit * CALM_GROWTH ** (calmMs / WINDOW_MS));
        cut = undefined;
        window = newWindow();
      }
      const isAdmitted = underWay < Math.floor(limit);
      noteUse(isAdmitted ? underWay + 1 : underWay);
      return isAdmitted;
    },
    record({ kind, latencyMs, isAnswered, underWay }) {
      noteUse(underWay);
      const baselineMs = baselines.get(kind);
      if (baselineMs === undefined) return void baselines.set(kind, latencyMs);
      if (isAnswered) window.answers++;
      if (!isBusy()) {
        const step = latencyMs > baselineMs ? BASELINE_STEP : 1 / BASELINE_STEP;
        return void baselines.set(kind, baselineMs * step);
      }
      // What began before was kept waiting by more than there is now.
      if (time.clock() - latencyMs < window.startedAt) return;
      ratios[window.samples++ % MAX_SAMPLES] = latencyMs / Math.max(baselineMs, LEAST_BASELINE_MS);
      if (window.samples < MIN_SAMPLES || window.second === secondNow()) return;
      const ratio = median(ratios.slice(0, window.samples));
      const rate = window.answers / (time.clock() - window.startedAt);
      judge({ ratio, rate, used: Math.min(limit, window.peak) });
      window = newWindow();
    },
    current: () => Math.floor(limit),
  };
}

function median(values: Float64Array): number {
  return values.sort()[values.length >> 1] ?? 0;
}
