import type { UpstreamSettings } from '../config/schema.ts';

export type Balancing = UpstreamSettings['balancing'];

/** An instance as a strategy sees it. */
export interface Candidate {
  /** Its share compared with the others at this moment: above 0, and less than configured during a slow start. */
  readonly share: () => number;
  /** Requests under way. */
  readonly underWay: () => number;
}

/** Chooses one of at least one. */
export type Pick = <C extends Candidate>(candidates: readonly [C, ...C[]]) => C;

/** The strategy of that name. Each upstream has one of its own, as round robin remembers whose turn it is. */
export function picker(balancing: Balancing, random: () => number): Pick {
  if (balancing === 'round-robin') return roundRobin();
  if (balancing === 'least-connections') return leastConnections();
  return powerOfTwoChoices(random);
}

/**
 * Smooth weighted round robin: weights 2 and 1 give A B A, not A A B.
 * @see nginx's ngx_http_upstream_round_robin.c
 */
function roundRobin(): Pick {
  const credits = new WeakMap<Candidate, number>();
  return function roundRobin(candidates) {
    let total = 0;
    let best = candidates[0];
    for (const candidate of candidates) {
      const share = candidate.share();
      total += share;
      credits.set(candidate, (credits.get(candidate) ?? 0) + share);
      if ((credits.get(candidate) ?? 0) > (credits.get(best) ?? 0)) best = candidate;
    }
    credits.set(best, (credits.get(best) ?? 0) - total);
    return best;
  };
}

/** The one with the fewest requests under way for its share; by turns between equals. */
function leastConnections(): Pick {
  const takeTurns = roundRobin();
  return function leastConnections(candidates) {
    // Looked at once: a share that grows in a slow start is another number the next time.
    const busy = candidates.map(busyness);
    const least = Math.min(...busy);
    const [first, ...rest] = candidates.filter((_candidate, index) => busy[index] === least);
    return first === undefined ? candidates[0] : takeTurns([first, ...rest]);
  };
}

/**
 * The less busy one of two that are drawn by lot. Nearly as even as the least busy of all, and workers that don't know of
 * each other don't all run to the same one.
 * @see M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 1996
 */
function powerOfTwoChoices(random: () => number): Pick {
  return function powerOfTwoChoices(candidates) {
    const one = Math.floor(random() * candidates.length);
    const other = (one + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length;
    const [a, b] = [candidates[one] ?? candidates[0], candidates[other] ?? candidates[0]];
    return busyness(b) < busyness(a) ? b : a;
  };
}

/** What it would have under way with one request more, for its share. */
function busyness(candidate: Candidate): number {
  return (candidate.underWay() + 1) / candidate.share();
}
