import type { Metric } from './metrics.ts';

/** What a metric should be; each bound that stands here has to hold. */
export interface Bounds {
  readonly below?: number;
  readonly atMost?: number;
  readonly above?: number;
  readonly atLeast?: number;
}

export type Targets = Partial<Readonly<Record<Metric, Bounds>>>;

/** How the run of a profile is staged and judged. How its load comes about stands in `profiles/`. */
export interface ProfileSettings {
  readonly targets: Targets;
  /** So many requests at the beginning are sent, but don't count. */
  readonly warmUpRequests: number;
  /** Figures to compare with. One that is missed is named, but doesn't fail the run. */
  readonly reference?: { readonly name: string; readonly targets: Targets };
  /** A service that fails in the middle. Only on a stage of our own; seconds since the first request. */
  readonly outage?: { readonly service: 'crm'; readonly atSecond: number; readonly forSeconds: number };
  /** Whether the plain loop of the bench asks the same gateway too, to show where the generator is the limit. */
  readonly isComparedWithPlainLoop?: boolean;
}

const always: Targets = {
  // Or a run without requests would have nothing to miss.
  requests: { atLeast: 1 },
  errorPercent: { below: 1 },
  meanMs: { below: 50 },
  p95Ms: { below: 200 },
  p99Ms: { below: 500 },
};

/** Of a profile that has no entry here. */
export const defaultSettings: ProfileSettings = { targets: always, warmUpRequests: 0 };

/** By the profile's name. */
export const profileSettings: Readonly<Record<string, ProfileSettings>> = {
  quick: {
    targets: { ...always, requests: { atLeast: 1000 }, throughput: { above: 100 } },
    // Cold code, in the generator as in the gateway, takes several times as long.
    warmUpRequests: 4000,
    reference: {
      name: 'the system this replaces',
      targets: { throughput: { above: 964 }, p95Ms: { atMost: 3 }, p99Ms: { atMost: 4 } },
    },
    isComparedWithPlainLoop: true,
  },
  // Drives 10 to 20 requests per second, so its throughput says nothing but that they were answered.
  basic: { targets: { ...always, throughput: { above: 10 } }, warmUpRequests: 0 },
  spike: {
    targets: { ...always, peak: { above: 90 }, breakerOpenings: { atLeast: 1 }, breakersOpenAtEnd: { atMost: 0 } },
    warmUpRequests: 0,
    // Long enough before the end for breakers that stay open for 30 s to close again.
    outage: { service: 'crm', atSecond: 75, forSeconds: 15 },
  },
  stress: { targets: { ...always, throughput: { above: 100 }, peak: { above: 190 } }, warmUpRequests: 0 },
};
