import type { UpstreamSettings } from '../config/schema.ts';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { callOf } from './call.ts';
import type { Forward } from './forward.ts';
import { InstanceHealth, type InstanceState } from './instance-health.ts';
import { verdictOnError, verdictOnOutcome } from './is-failure.ts';
import { isStale } from './is-stale.ts';
import { type Candidate, picker } from './pick-instance.ts';

/** A way to one instance. */
export interface Way {
  readonly forward: Forward;
  /** Requests under way. */
  readonly underWay: () => number;
  /** Whether it takes one more. */
  readonly hasRoom: () => boolean;
}

/** One instance of an upstream. */
export interface Instance<W extends Way = Way> extends Candidate {
  /** `http(s)://host[:port]` */
  readonly origin: string;
  readonly way: W;
  readonly health: InstanceHealth;
}

/** What an operator sees of an instance. */
export interface InstanceReport {
  /** Its place in the configuration, from 1: addresses stay inside. */
  readonly number: number;
  readonly state: InstanceState;
  readonly weight: number;
  /** Share of its weight that counts now, from 0.1 to 1: less than 1 in a slow start. */
  readonly part: number;
  readonly underWay: number;
  /** How often it was ejected since the worker started. */
  readonly ejections: number;
}

/** All instances of one upstream. */
export interface Instances<W extends Way = Way> {
  readonly all: readonly Instance<W>[];
  /** Sends a request to the instance whose turn it is. */
  readonly forward: Forward;
  /**
   * The instance for the next try: one that has not been tried, if there is one.
   * @throws {Problem} `no_healthy_upstream`, or `overloaded` if those that are healthy have no connection left
   */
  choose(tried: readonly string[]): Instance<W>;
  /** How many healthy instances have not been tried. */
  untried(tried: readonly string[]): number;
  report(): readonly InstanceReport[];
}

interface InstancesOptions<W extends Way> {
  readonly settings: UpstreamSettings;
  /** Makes the way to an instance; `onAnswered` is told whether an answer was whole, or broken off after its head. */
  readonly wayTo: (origin: string, onAnswered: (isWhole: boolean) => void) => W;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onChange: (instance: string, state: InstanceState) => void;
}

/** Shares the requests to an upstream between its healthy instances. */
export function instancesOf<W extends Way>(options: InstancesOptions<W>): Instances<W> {
  const { settings, wayTo, clock, random, onChange } = options;
  const pick = picker(settings.balancing, random);
  const mayEject = () => {
    // Those that are out by their checks count too: one that fails at times is better than none.
    const out = all.filter(({ health }) => health.state !== 'healthy').length;
    return out + 1 <= Math.floor((all.length * settings.ejection.maxEjectedPercent) / 100);
  };
  const all = settings.instances.map(({ url, weight }): Instance<W> => {
    const health = new InstanceHealth({ settings, clock, mayEject, onChange: (state) => onChange(url, state) });
    const way = wayTo(url, (isWhole) => health.recordEnd(isWhole));
    return { origin: url, way, health, share: () => weight * health.part, underWay: way.underWay };
  });

  const choose = (tried: readonly string[]): Instance<W> => {
    const healthy = all.filter(({ health }) => health.state === 'healthy');
    if (healthy.length === 0)
      throw new Problem('no_healthy_upstream', { retryAfterSeconds: secondsToReturn(all, settings) });
    // Not one that is full: a queue before its connections would only be longer waiting for the same.
    const free = healthy.filter(({ way }) => way.hasRoom());
    const untried = tried.length === 0 ? free : free.filter(({ origin }) => !tried.includes(origin));
    const [first, ...rest] = untried.length > 0 ? untried : free;
    if (first === undefined) throw new Problem('overloaded', { retryAfterSeconds: 1 });
    return rest.length === 0 ? first : pick([first, ...rest]);
  };

  return {
    all,
    choose,
    untried: (tried) =>
      all.filter(({ origin, health }) => health.state === 'healthy' && !tried.includes(origin)).length,
    async forward(req, res) {
      const { tried } = callOf(req);
      const instance = choose(tried);
      tried.push(instance.origin);
      const { upstream } = contextOf(req);
      if (upstream !== undefined) upstream.instance = instance.origin;
      const startedAt = clock();
      try {
        const outcome = await instance.way.forward(req, res);
        instance.health.record(verdictOnOutcome(outcome, settings.breaker.failureStatuses));
        return outcome;
      } catch (error) {
        // A stale connection is a race that we lost, and says nothing of the instance.
        instance.health.record(isStale(error, startedAt) ? 'ignored' : verdictOnError(error));
        throw error;
      }
    },
    report: () =>
      all.map(({ health, underWay }, index) => ({
        number: index + 1,
        state: health.state,
        weight: settings.instances[index]?.weight ?? 1,
        part: Math.round(health.part * 100) / 100,
        underWay: underWay(),
        ejections: health.ejections,
      })),
  };
}

/** When the first of them may be back. */
function secondsToReturn(all: readonly Instance[], { healthCheck }: UpstreamSettings): number {
  const checkMs = (healthCheck?.intervalMs ?? 1000) * (healthCheck?.healthyThreshold ?? 1);
  const soonest = Math.min(...all.map(({ health }) => health.ejectedForMs ?? checkMs));
  return Math.max(1, Math.ceil(soonest / 1000));
}
