import type { UpstreamSettings } from '../config/schema.ts';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { type AdaptiveLimit, adaptiveLimit, type LatencySample } from './adaptive-limit.ts';
import { type Call, callOf } from './call.ts';
import type { Forward } from './forward.ts';

/** What an operator sees of the requests to an upstream. */
export interface ConcurrencyReport {
  /** Requests at a time that it is given at the moment. */
  readonly limit: number;
  /** Requests that wait for the head of their answer. */
  readonly underWay: number;
}

export interface ConcurrencyLimit {
  readonly forward: Forward;
  report(): ConcurrencyReport;
}

interface ConcurrencyLimitOptions {
  readonly settings: Pick<UpstreamSettings, 'concurrency' | 'maxConnections' | 'instances'>;
  /** Milliseconds: `clock` is monotonic, for durations; `now` is since 1970. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
  /** Whether this worker is late itself: then times tell nothing of the upstream. */
  readonly isLate: () => boolean;
}

/** Places come free within milliseconds; a second keeps those who were refused from coming back all at once. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Refuses at once what an upstream has no place for: a queue here would only add to the one there. A request has its place
 * until the head of its answer. What goes on for longer (a download, an event stream, an upload that its client is still
 * sending) has a connection, and those are counted at the instance; but it is little work, and must not take the place of
 * others for hours.
 */
export function withConcurrencyLimit(forward: Forward, options: ConcurrencyLimitOptions): ConcurrencyLimit {
  const { settings, time, isLate } = options;
  const { concurrency, maxConnections, instances } = settings;
  const connections = maxConnections * instances.length;
  const max = Math.min(concurrency.max ?? connections, connections);
  const limit = concurrency.adaptive ? adaptiveLimit({ settings: concurrency, max, time }) : fixedLimit(max);
  let underWay = 0;
  const record = (sample: Omit<LatencySample, 'underWay'>) => {
    if (!isLate()) limit.record({ ...sample, underWay });
  };
  return {
    async forward(req, res) {
      if (!isAtHand(callOf(req).body)) return forward(req, res);
      if (!limit.admits(underWay)) throw new Problem('overloaded', { retryAfterSeconds: RETRY_AFTER_SECONDS });
      underWay++;
      const { route, upstream } = contextOf(req);
      // They differ in what they take.
      const kind = route?.name ?? '';
      const beganAt = time.clock();
      try {
        const outcome = await forward(req, res);
        // A service that fails, or sheds load itself, does that in another time than its work.
        const latencyMs = upstream?.headMs ?? time.clock() - beganAt;
        if (outcome.status < 500) record({ kind, latencyMs, isAnswered: true });
        return outcome;
      } catch (error) {
        const isTimeout = error instanceof Problem && error.reason === 'upstream_response_timeout';
        if (isTimeout) record({ kind, latencyMs: time.clock() - beganAt, isAnswered: false });
        throw error;
      } finally {
        underWay--;
      }
    },
    report: () => ({ limit: limit.current(), underWay }),
  };
}

/** Whether nobody has to wait for a client any more. */
function isAtHand({ content }: Call['body']): boolean {
  return content === null || Buffer.isBuffer(content);
}

function fixedLimit(max: number): AdaptiveLimit {
  return { admits: (underWay) => underWay < max, record: () => undefined, current: () => max };
}
