import type { Reason } from '../problem/catalog.ts';
import { Problem } from '../problem/problem.ts';
import type { Outcome } from './forward.ts';

/**
 * What a call says about the health of its upstream. `ignored` says nothing: a client that left or sent too much must
 * neither open a breaker nor close one.
 */
export type Verdict = 'success' | 'failure' | 'ignored';

/** Refusals of ours: the upstream was not called. */
const UNCALLED: ReadonlySet<Reason> = new Set(['breaker_open', 'no_healthy_upstream']);

/** The verdict on an answer: a 4xx is a healthy service saying no. */
export function verdictOnOutcome(outcome: Outcome, failureStatuses: readonly number[]): Verdict {
  return failureStatuses.includes(outcome.status) ? 'failure' : 'success';
}

/** The verdict on a call without an answer. Only what the upstream caused counts against it. */
export function verdictOnError(error: unknown): Verdict {
  const isCalled = error instanceof Problem && error.source === 'upstream' && !UNCALLED.has(error.reason);
  return isCalled ? 'failure' : 'ignored';
}
