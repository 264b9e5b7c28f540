import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstreamSettings } from '../config/schema.ts';
import { contextOf } from '../context.ts';
import type { Reason } from '../problem/catalog.ts';
import { Problem } from '../problem/problem.ts';
import { type Call, callOf } from './call.ts';
import type { Forward } from './forward.ts';
import { isStale } from './is-stale.ts';
import { retryBudget } from './retry-budget.ts';

interface RetryOptions {
  readonly settings: UpstreamSettings['retry'];
  /** How many healthy instances the request has not been sent to. */
  readonly untried: (tried: readonly string[]) => number;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** The request never left: whatever it would do, it has not done it. */
const UNSENT: ReadonlySet<Reason> = new Set(['upstream_connect_failed', 'upstream_connect_timeout']);

/** It left, and no byte of an answer came. */
const UNANSWERED: ReadonlySet<Reason> = new Set(['upstream_reset', 'upstream_response_timeout']);

/**
 * Tries again what can be tried again without harm: the request was not sent, or may arrive twice; its body is at hand; no
 * byte of the answer has come; the client still waits; and the budget and the deadline allow it. Another instance is asked
 * if there is one, else the same over a new connection.
 * @see RFC 9110 §9.2.2
 */
export function withRetry(forward: Forward, { settings, untried, clock, random }: RetryOptions): Forward {
  const methods: ReadonlySet<string> = new Set(settings.methods);
  const budget = retryBudget({ percent: settings.budgetPercent, minimum: settings.minimumRetries, clock });
  const { attempts, tryTimeoutMs } = settings;

  /** How long to wait before the next try; undefined if there is none. */
  const pauseBefore = (req: IncomingMessage, { error, retries, startedAt }: Failure): number | undefined => {
    const call = callOf(req);
    if (!canBeRepeated(call, error.reason, methods.has(req.method ?? ''))) return undefined;
    // A kept-alive connection that the service was just closing: the race is ours, and the service has seen nothing.
    if (isStale(error, startedAt) && retries === 0) return 0;
    // Who refuses connections, or takes too long, does so again; unless it is somebody else who is asked.
    if (error.reason !== 'upstream_reset' && untried(call.tried) === 0) return undefined;
    const pauseMs = random() * settings.backoffMs * 2 ** retries;
    return clock() + pauseMs < call.endsAt && budget.withdraw() ? pauseMs : undefined;
  };

  /** The wait for the head is only cut short for somebody else to be asked: there must be one behind the next one. */
  const tryMs = (req: IncomingMessage, { body, tried }: Call, retries: number): number => {
    if (tryTimeoutMs === undefined || retries >= attempts) return Number.POSITIVE_INFINITY;
    if (!methods.has(req.method ?? '') || isStream(body)) return Number.POSITIVE_INFINITY;
    return untried(tried) > 1 && budget.hasLeft() ? tryTimeoutMs : Number.POSITIVE_INFINITY;
  };

  return async function forwardWithRetry(req, res) {
    budget.deposit();
    for (let retries = 0; ; retries++) {
      const call = callOf(req);
      call.tryMs = tryMs(req, call, retries);
      const startedAt = clock();
      try {
        return await forward(req, res);
      } catch (error) {
        if (retries >= attempts || !(error instanceof Problem)) throw error;
        const pauseMs = pauseBefore(req, { error, retries, startedAt });
        if (pauseMs === undefined || isGone(res)) throw error;
        if (pauseMs > 0) await sleep(pauseMs);
        if (isGone(res)) throw new Problem('client_closed');
        const { upstream } = contextOf(req);
        if (upstream !== undefined) upstream.retries = retries + 1;
      }
    }
  };
}

/** A try that has failed. */
interface Failure {
  readonly error: Problem;
  readonly retries: number;
  readonly startedAt: number;
}

/** Whether the request may be sent once more without harm, and can be. */
function canBeRepeated({ body, hasAnswerBegun }: Call, reason: Reason, isIdempotent: boolean): boolean {
  if (hasAnswerBegun || !body.isWhole()) return false;
  // What was given up while it waited for its connection may get it yet, and takes the stream with it as it ends.
  if (reason === 'upstream_connect_timeout' && isStream(body)) return false;
  return UNSENT.has(reason) || (isIdempotent && UNANSWERED.has(reason));
}

function isStream({ content }: Call['body']): boolean {
  return content instanceof Readable;
}

function isGone(res: ServerResponse): boolean {
  return res.headersSent || res.destroyed;
}
