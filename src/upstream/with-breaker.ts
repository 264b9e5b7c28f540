import CircuitBreaker from 'opossum';
import type { BreakerSettings } from '../config/schema.ts';
import { Problem } from '../problem/problem.ts';
import type { Forward } from './forward.ts';
import { type Verdict, verdictOnError, verdictOnOutcome } from './is-failure.ts';

export type BreakerState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** What an operator sees of a breaker. Counts are of the current window. */
export interface BreakerReport {
  readonly state: BreakerState;
  readonly failures: number;
  readonly successes: number;
  /** Requests refused because it was open, since the worker started. */
  readonly rejects: number;
  /** How often it has opened since the worker started. */
  readonly openings: number;
}

export interface Breaker {
  readonly forward: Forward;
  report(): BreakerReport;
  close(): void;
}

interface BreakerOptions {
  readonly name: string;
  readonly settings: BreakerSettings;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  readonly onChange: (state: BreakerState) => void;
}

/**
 * Puts a circuit breaker round a `Forward`.
 *
 * opossum is fired with the verdict of a finished call and not with the call itself. So its window holds verdicts only:
 * calls still under way, refusals and ignored calls don't dilute the share of failures, and a result from before a change
 * of state can't decide anything after it. The one trial while half-open is ours to hand out: one that ends without a
 * verdict (its client left) is handed to the next request, where opossum would close or stay stuck.
 */
export function withBreaker(forward: Forward, { name, settings, clock, onChange }: BreakerOptions): Breaker {
  const breaker = newBreaker(name, settings);
  let generation = 0;
  let openedAt = 0;
  let isTrialRunning = false;
  let rejects = 0;
  let openings = 0;
  const changeTo = (state: BreakerState) => {
    generation++;
    isTrialRunning = false;
    if (state === 'OPEN') {
      openedAt = clock();
      openings++;
    }
    onChange(state);
  };
  breaker.on('open', () => changeTo('OPEN'));
  breaker.on('halfOpen', () => changeTo('HALF_OPEN'));
  breaker.on('close', () => changeTo('CLOSED'));

  const refusal = () => {
    rejects++;
    const remainingMs = settings.openSeconds * 1000 - (clock() - openedAt);
    return new Problem('breaker_open', { retryAfterSeconds: Math.max(1, Math.ceil(remainingMs / 1000)) });
  };
  const record = (verdict: Verdict, startedIn: number) => {
    if (startedIn !== generation) return;
    if (verdict === 'ignored') isTrialRunning = false;
    else breaker.fire(verdict).catch(() => undefined);
  };
  const guarded: Forward = async (req, res) => {
    if (breaker.opened || isTrialRunning) throw refusal();
    if (breaker.halfOpen) isTrialRunning = true;
    const startedIn = generation;
    try {
      const outcome = await forward(req, res);
      record(verdictOnOutcome(outcome, settings.failureStatuses), startedIn);
      return outcome;
    } catch (error) {
      record(verdictOnError(error), startedIn);
      throw error;
    }
  };
  return {
    forward: guarded,
    report: () => {
      const { failures, successes } = breaker.stats;
      return { state: stateOf(breaker), failures, successes, rejects, openings };
    },
    close: () => breaker.shutdown(),
  };
}

function newBreaker(name: string, settings: BreakerSettings): CircuitBreaker<[Verdict], void> {
  const settle = async (verdict: Verdict) => {
    if (verdict === 'failure') throw new Error('the call failed');
  };
  return new CircuitBreaker<[Verdict], void>(settle, {
    name,
    // Deadlines belong to the call: opossum's would give up on the work without stopping it.
    timeout: false,
    resetTimeout: settings.openSeconds * 1000,
    rollingCountTimeout: settings.windowSeconds * 1000,
    volumeThreshold: settings.minimumCalls,
    // opossum opens above its threshold, we open at it.
    errorThresholdPercentage: settings.failurePercent - 1e-9,
    // They sort every latency of the window at every failure: a storm of failures would stall the event loop.
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  });
}

function stateOf(breaker: CircuitBreaker<[Verdict], void>): BreakerState {
  if (breaker.opened) return 'OPEN';
  return breaker.halfOpen ? 'HALF_OPEN' : 'CLOSED';
}
