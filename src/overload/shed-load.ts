import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { ServerSettings } from '../config/schema.ts';
import type { Reason } from '../problem/catalog.ts';
import { endAnswer } from '../problem/end-answer.ts';
import { Problem, problemAnswer } from '../problem/problem.ts';
import { lagLimit } from './lag-limit.ts';
import { watchEventLoop } from './watch-event-loop.ts';

/** A request that was refused at the door. */
export interface Refusal {
  readonly req: IncomingMessage;
  readonly requestId: string;
  readonly status: number;
  readonly reason: Reason;
}

/** What an operator sees of a worker's load. */
export interface LoadReport {
  /** Requests at a time that it takes at the moment. */
  readonly limit: number;
  /** Requests that it is working on. */
  readonly underWay: number;
}

/** The door of a worker. */
export interface Door {
  readonly handle: RequestListener;
  /** A request has become a matter of waiting for its client, or of passing bytes on. */
  release(res: ServerResponse): void;
  report(): LoadReport;
  /** Whether everything that this worker measures takes longer than it would elsewhere. */
  isLate(): boolean;
  close(): void;
}

interface ShedLoadOptions {
  /** What is behind the door. */
  readonly handle: RequestListener;
  readonly settings: Pick<ServerSettings, 'maxRequests' | 'maxLagMs'>;
  readonly newRequestId: () => string;
  /** What every answer has. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly onRefusal: (refusal: Refusal) => void;
}

const RETRY_AFTER_SECONDS = 1;
const MAX_INSTANCE_LENGTH = 1024;

/** What tells whether the worker lives, and how it is. Asked for often, and cheap. */
const HEALTH = /^\/health(?:\/(?:live|ready|detailed))?(?:\?|$)/;

/** Marks the responses that count. */
const counted = Symbol('counts as work');

interface Counted {
  [counted]?: boolean;
}

/**
 * Refuses what a worker has no time for, before anything has been done for it: a refusal by one of the first stages costs it
 * twice as much.
 * @see docs/adr/0014-what-is-refused-under-overload.md
 */
export function shedLoad(options: ShedLoadOptions): Door {
  const { handle, settings } = options;
  const limit = lagLimit(settings);
  const refuse = refuseWith(options);
  let underWay = 0;
  const release = (res: ServerResponse & Counted) => {
    if (res[counted] !== true) return;
    res[counted] = false;
    underWay--;
  };
  // One for all: a listener per response that is made for it would be another thing to throw away.
  function onClose(this: ServerResponse) {
    release(this);
  }
  const close = watchEventLoop((look) => limit.look({ ...look, underWay }));
  return {
    handle(req, res: ServerResponse & Counted) {
      if (underWay >= limit.current() && !HEALTH.test(req.url ?? '')) return refuse(req, res);
      underWay++;
      res[counted] = true;
      res.on('close', onClose);
      handle(req, res);
    },
    release,
    report: () => ({ limit: limit.current(), underWay }),
    isLate: limit.isLate,
    close,
  };
}

function refuseWith({ newRequestId, headers: common, onRefusal }: ShedLoadOptions) {
  // Made once: an error with its stack would cost as much as the rest of a refusal.
  const problem = new Problem('overloaded', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) },
  });
  return (req: IncomingMessage, res: ServerResponse) => {
    const requestId = newRequestId();
    const instance = (req.url ?? '/').split('?', 1)[0]?.slice(0, MAX_INSTANCE_LENGTH) ?? '/';
    const { headers, body } = problemAnswer(problem, { requestId, instance });
    for (const [name, value] of common) res.setHeader(name, value);
    for (const name in headers) res.setHeader(name, headers[name] ?? '');
    res.statusCode = problem.status;
    endAnswer(req, res, body);
    onRefusal({ req, requestId, status: problem.status, reason: problem.reason });
  };
}
