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
  const gate = new Gate(options);
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
    report: () => gate.report(),
    close: () => gate.close(),
  };
}

type VerdictBreaker = CircuitBreaker<[Verdict], void>;

/** Who may call, and what becomes of it. A class because it has a life: closed, open, half-open, shut down. */
class Gate {
  readonly #options: BreakerOptions;
  #breaker: VerdictBreaker;
  /** Counts changes of state, so that a verdict can tell whether it comes from before one. */
  #generation = 0;
  #openedAt = 0;
  #trialEndsAt = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #rejects = 0;
  #openings = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#breaker = this.#newBreaker();
  }

  /**
   * Lets a call begin, and returns what takes its verdict.
   * @throws {Problem} `breaker_open` if none may
   */
  enter(): (verdict: Verdict) => void {
    const now = this.#options.clock();
    if (this.#breaker.opened || now < this.#trialEndsAt) throw this.#refusal(now);
    if (this.#breaker.halfOpen) this.#trialEndsAt = now + TRIAL_LEASE_MS;
    const startedIn = this.#generation;
    return (verdict) => {
      if (startedIn !== this.#generation) return;
      if (verdict === 'ignored') this.#trialEndsAt = 0;
      // It rejects with every failure, which is counted then; its caller has the error.
      else this.#weigh(verdict).catch(() => undefined);
    };
  }

  report(): BreakerReport {
    const { failures, successes } = this.#breaker.stats;
    return { state: stateOf(this.#breaker), failures, successes, rejects: this.#rejects, openings: this.#openings };
  }

  close(): void {
    this.#breaker.shutdown();
  }

  #refusal(now: number): Problem {
    this.#rejects++;
    const remainingMs = this.#options.settings.openSeconds * 1000 - (now - this.#openedAt);
    return new Problem('breaker_open', { retryAfterSeconds: Math.max(1, Math.ceil(remainingMs / 1000)) });
  }

  async #weigh(verdict: Verdict): Promise<void> {
    const { clock, settings } = this.#options;
    const breaker = this.#breaker;
    if (verdict === 'failure') this.#failedAt = clock();
    await breaker.fire(verdict);
    // opossum weighs its window at failures only, but the call that completes the minimum may be a success.
    if (!breaker.closed || clock() - this.#failedAt > settings.windowSeconds * 1000) return;
    const { fires, failures } = breaker.stats;
    if (fires >= settings.minimumCalls && failures * 100 >= fires * settings.failurePercent) breaker.open();
  }

  #newBreaker(): VerdictBreaker {
    const { name, settings, clock } = this.#options;
    return newBreaker(name, settings)
      .on('open', () => {
        this.#openedAt = clock();
        this.#openings++;
        this.#changeTo('OPEN');
      })
      .on('halfOpen', () => this.#changeTo('HALF_OPEN'))
      .on('close', () => {
        // A new window: failures from before it opened must not open it again.
        this.#breaker.shutdown();
        this.#breaker = this.#newBreaker();
        this.#changeTo('CLOSED');
      });
  }

  #changeTo(state: BreakerState): void {
    this.#generation++;
    this.#trialEndsAt = 0;
    try {
      this.#options.onChange(state);
    } catch {
      // opossum would take it for a failed call. The state has changed, whoever fails to tell of it.
    }
  }
}

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
