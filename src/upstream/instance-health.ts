import type { UpstreamSettings } from '../config/schema.ts';
import type { Verdict } from './is-failure.ts';

export type InstanceState = 'healthy' | 'unhealthy' | 'ejected';

interface HealthOptions {
  readonly settings: Pick<UpstreamSettings, 'ejection' | 'healthCheck' | 'slowStartMs'>;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** Whether one more instance may be ejected at this moment. */
  readonly mayEject: () => boolean;
  readonly onChange: (state: InstanceState) => void;
}

/** The least share of an instance that has just come back. */
const FIRST_SHARE = 0.1;

/**
 * The health of one instance: what active checks say of it, and whether it is ejected for failing requests. A class
 * because it has a life. Every way out of the healthy state leads back into it by itself.
 */
export class InstanceHealth {
  readonly #options: HealthOptions;
  /** Failed requests in a row. */
  #failures = 0;
  /** Answers in a row that broke off after their head. */
  #broken = 0;
  /** How often in a row it was ejected soon after it had come back. */
  #ejectionsInARow = 0;
  #ejections = 0;
  /** Whether it was said to be ejected, and not yet to be back. */
  #isSaidToBeEjected: boolean = false;
  #ejectedUntil = Number.NEGATIVE_INFINITY;
  #isUnhealthy: boolean = false;
  /** Checks in a row that said otherwise than the state. */
  #contradictions = 0;
  #backAt = Number.NEGATIVE_INFINITY;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  get state(): InstanceState {
    if (this.#isUnhealthy) return 'unhealthy';
    return this.#options.clock() < this.#ejectedUntil ? 'ejected' : 'healthy';
  }

  /** Milliseconds until an ejection ends; undefined if none is on. */
  get ejectedForMs(): number | undefined {
    const ms = this.#ejectedUntil - this.#options.clock();
    return ms > 0 ? ms : undefined;
  }

  /** How often it was ejected since the worker started. */
  get ejections(): number {
    return this.#ejections;
  }

  /** What part of its weight counts now, from 0.1 to 1. */
  get part(): number {
    const { clock, settings } = this.#options;
    const backAt = Math.max(this.#backAt, this.#ejectedUntil);
    const ms = clock() - backAt;
    return ms >= settings.slowStartMs ? 1 : Math.max(FIRST_SHARE, ms / settings.slowStartMs);
  }

  /** A request of a client was answered, or was not. */
  record(verdict: Verdict): void {
    if (verdict === 'ignored' || this.state !== 'healthy') return;
    if (verdict === 'failure') return this.#ejectAt(++this.#failures);
    this.#failures = 0;
    if (!this.#isSaidToBeEjected) return;
    this.#isSaidToBeEjected = false;
    this.#options.onChange('healthy');
  }

  /** An answer has ended. Those that broke off count by themselves: the next head alone does not make up for one. */
  recordEnd(isWhole: boolean): void {
    if (this.state !== 'healthy') return;
    this.#broken = isWhole ? 0 : this.#broken + 1;
    if (!isWhole) this.#ejectAt(this.#broken);
  }

  /** A check has ended. */
  checked(isGood: boolean): void {
    const isContradiction = isGood === this.#isUnhealthy;
    this.#contradictions = isContradiction ? this.#contradictions + 1 : 0;
    const { healthyThreshold = 1, unhealthyThreshold = 1 } = this.#options.settings.healthCheck ?? {};
    const enough = isGood ? healthyThreshold : unhealthyThreshold;
    // Nor is the first one believed at once: a worker that has just started may be too busy to take the answer in time.
    if (this.#contradictions < enough) return;
    this.#contradictions = 0;
    this.#isUnhealthy = !isGood;
    if (isGood) this.#comeBack();
    this.#options.onChange(this.state);
  }

  #comeBack(): void {
    this.#backAt = this.#options.clock();
    this.#failures = 0;
    this.#broken = 0;
  }

  #ejectAt(failures: number): void {
    const { settings, mayEject, clock, onChange } = this.#options;
    if (failures < settings.ejection.consecutiveFailures || !mayEject()) return;
    // In use for longer than it was last left out: it begins anew.
    if (clock() - this.#ejectedUntil > this.#ejectMs()) this.#ejectionsInARow = 0;
    this.#failures = 0;
    this.#broken = 0;
    this.#ejections++;
    this.#ejectionsInARow++;
    this.#ejectedUntil = clock() + this.#ejectMs();
    this.#isSaidToBeEjected = true;
    onChange('ejected');
  }

  /** Of the last ejection. */
  #ejectMs(): number {
    const { ejectMs, maxEjectMs } = this.#options.settings.ejection;
    return Math.min(maxEjectMs, ejectMs * 2 ** (this.#ejectionsInARow - 1));
  }
}
