import { type Payload, payloads } from '../rig/payloads.ts';

/** Requests per second of the open loop. */
export const RATE = 1000;

/** One stretch of load. */
export interface Segment {
  readonly kind: 'saturation' | 'open loop';
  readonly payload: Payload;
  readonly seconds: number;
}

/** For how many seconds each body is asked for as fast as it goes, in their order, and the first one at a fixed rate. */
export interface Durations {
  readonly saturation: readonly number[];
  readonly openLoop: number;
}

/** How long everything takes. */
export interface Plan {
  readonly warmUp: Durations;
  readonly measured: Durations;
}

/** Of a default run: some 70 seconds per round of seven targets. */
export const DEFAULT_PLAN: Plan = {
  // Node has compiled what it will after some ten thousand requests.
  warmUp: { saturation: [4, 1, 1], openLoop: 1 },
  measured: { saturation: [3, 1, 2], openLoop: 4 },
};

/** For trying whether it works. Its figures mean little. */
export const QUICK_PLAN: Plan = {
  warmUp: { saturation: [2, 0, 0], openLoop: 0 },
  measured: { saturation: [1, 1, 1], openLoop: 1 },
};

/** Every segment with the same duration. */
export function planWithSeconds(seconds: number): Plan {
  return {
    warmUp: DEFAULT_PLAN.warmUp,
    measured: { saturation: payloads.map(() => seconds), openLoop: seconds },
  };
}

/** The segments that take any time. */
export function planOf({ saturation, openLoop }: Durations): Segment[] {
  const segments = payloads.map(
    (payload, index): Segment => ({
      kind: 'saturation',
      payload,
      seconds: saturation[index] ?? 0,
    }),
  );
  const [smallest] = payloads;
  if (smallest !== undefined) segments.push({ kind: 'open loop', payload: smallest, seconds: openLoop });
  return segments.filter(({ seconds }) => seconds > 0);
}
