import type { Metric } from './metrics.ts';
import type { Bounds, Targets } from './targets.ts';

/** What was measured; undefined where it could not be. */
export type Measured = Partial<Readonly<Record<Metric, number | undefined>>>;

/** A bound beside what was measured. */
export interface Judgement {
  readonly metric: Metric;
  /** Undefined if it could not be measured. */
  readonly measured: number | undefined;
  readonly relation: '<' | '≤' | '>' | '≥';
  readonly bound: number;
  readonly isMet: boolean;
}

const relations = {
  below: { relation: '<', holds: (measured: number, bound: number) => measured < bound },
  atMost: { relation: '≤', holds: (measured: number, bound: number) => measured <= bound },
  above: { relation: '>', holds: (measured: number, bound: number) => measured > bound },
  atLeast: { relation: '≥', holds: (measured: number, bound: number) => measured >= bound },
} as const satisfies Record<keyof Bounds, object>;

/** Holds what was measured against each target. What could not be measured, or is no number, has met none. */
export function judge(measured: Measured, targets: Targets): Judgement[] {
  return Object.entries(targets).flatMap(([metric, bounds]) => {
    const value = measured[metric as Metric];
    return (Object.keys(relations) as (keyof Bounds)[]).flatMap((kind) => {
      const bound = bounds[kind];
      if (bound === undefined) return [];
      const { relation, holds } = relations[kind];
      // Every comparison with NaN is false.
      return [{ metric: metric as Metric, measured: value, relation, bound, isMet: holds(value ?? Number.NaN, bound) }];
    });
  });
}

/** Whether a run has passed: a run that was held against nothing has not. */
export function isPassed(judgements: readonly Judgement[]): boolean {
  return judgements.length > 0 && judgements.every(({ isMet }) => isMet);
}
