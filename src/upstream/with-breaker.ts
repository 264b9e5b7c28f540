import CircuitBreaker from 'opossum';
import type { BreakerSettings } from '../config/schema.ts';
import { Problem } from '../problem/problem.ts';
import type { Forward } from './forward.ts';
import { type Verdict, verdictOnError, verdictOnOutcome } from './is-failure.ts';

export type BreakerState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** What an operator sees of a breaker. Counts are of the current window, which begins anew when the breaker closes. */
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
 * A trial that has said nothing for so long is joined by another. Its client may be slow to send, and one slow client
 * must not keep an upstream closed to all others.
 */
const TRIAL_LEASE_MS = 30_000;

/**
 * Puts a circuit breaker round a `Forward`.
 *
 * opossum is fired with the verdict of a finished call and not with the call itself. So its window holds verdicts only:
 * calls still under way, refusals and ignored calls don't dilute the share of failures, and a result from before a change
 * of state can't decide anything after it. The one trial while half-open is ours to hand out: one that ends without a
 * verdict (its client left) is handed to the next request, where opossum would close or stay stuck.
 */
export function withBreaker(forward: Forward, options: BreakerOptions): Breaker {
  const { failureStatuses } = options.settings;
  const gate = newGate(options);
  return {
    async forward(req, res) {
      const record = gate.enter();
      try {
        const outcome = await forward(req, res);
        record(verdictOnOutcome(outcome, failureStatuses));
        return outcome;
      } catch (error) {
        record(verdictOnError(error));
        throw error;
      }
    },
    report: gate.report,
    close: gate.close,
  };
}

function newGate({ name, settings, clock, onChange }: BreakerOptions) {
  let breaker = watched();
  let generation = 0;
  let openedAt = 0;
  let trialEndsAt = 0;
  let failedAt = Number.NEGATIVE_INFINITY;
  let rejects = 0;
  let openings = 0;

  function watched(): VerdictBreaker {
    return newBreaker(name, settings)
      .on('open', () => {
        openedAt = clock();
        openings++;
        changeTo('OPEN');
      })
      .on('halfOpen', () => changeTo('HALF_OPEN'))
      .on('close', () => {
        // A new window: failures from before it opened must not open it again.
        breaker.shutdown();
        breaker = watched();
        changeTo('CLOSED');
      });
  }
  function changeTo(state: BreakerState): void {
    generation++;
    trialEndsAt = 0;
    try {
      onChange(state);
    } catch {
      // opossum would take it for a failed call. The state has changed, whoever fails to tell of it.
    }
  }
  async function weigh(verdict: Verdict): Promise<void> {
    const weighing = breaker;
    if (verdict === 'failure') failedAt = clock();
    await weighing.fire(verdict);
    // opossum weighs its window at failures only, but the call that completes the minimum may be a success.
    if (!weighing.closed || clock() - failedAt > settings.windowSeconds * 1000) return;
    const { fires, failures } = weighing.stats;
    if (fires >= settings.minimumCalls && failures * 100 >= fires * settings.failurePercent) weighing.open();
  }
  return {
    /**
     * Lets a call begin, and returns what takes its verdict.
     * @throws {Problem} `breaker_open` if none may
     */
    enter(): (verdict: Verdict) => void {
      if (breaker.opened || clock() < trialEndsAt) {
        rejects++;
        const remainingMs = settings.openSeconds * 1000 - (clock() - openedAt);
        throw new Problem('breaker_open', { retryAfterSeconds: Math.max(1, Math.ceil(remainingMs / 1000)) });
      }
      if (breaker.halfOpen) trialEndsAt = clock() + TRIAL_LEASE_MS;
      const startedIn = generation;
      return (verdict) => {
        if (startedIn !== generation) return;
        if (verdict === 'ignored') trialEndsAt = 0;
        else weigh(verdict).catch(ignore);
      };
    },
    report(): BreakerReport {
      const { failures, successes } = breaker.stats;
      return { state: stateOf(breaker), failures, successes, rejects, openings };
    },
    close: () => breaker.shutdown(),
  };
}

type VerdictBreaker = CircuitBreaker<[Verdict], void>;

function newBreaker(name: string, settings: BreakerSettings): VerdictBreaker {
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

function stateOf(breaker: VerdictBreaker): BreakerState {
  if (breaker.opened) return 'OPEN';
  return breaker.halfOpen ? 'HALF_OPEN' : 'CLOSED';
}

/** A failed call has been counted; its caller has the error. */
function ignore(): void {}
