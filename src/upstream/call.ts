import type { IncomingMessage } from 'node:http';
import type { BoundedBody } from './bounded-body.ts';

/** What all tries of one request share. */
export interface Call {
  readonly body: BoundedBody;
  /** Milliseconds. */
  readonly timeouts: {
    readonly connectMs: number;
    /** From the end of the request to the response head. */
    readonly headMs: number;
    /** Silence within the response body. */
    readonly idleMs: number;
  };
  /** Clock reading at which it is given up, tries and body included; Infinity without a total timeout. */
  readonly endsAt: number;
  /** Milliseconds that the next try may wait for its head, if that is less than `headMs`: while another try is possible. */
  tryMs: number;
  /** Whether a byte of an answer has come, by whichever try. */
  hasAnswerBegun: boolean;
  /** The instances that were tried, by their origin. */
  readonly tried: string[];
}

const key = Symbol('call to the upstream');

interface WithCall {
  [key]?: Call;
}

/** Attaches the call to a request, before the first try. */
export function setCall(req: IncomingMessage, call: Call): void {
  (req as WithCall)[key] = call;
}

/**
 * The call of a request.
 * @throws {TypeError} if it has not begun: a fault of ours
 */
export function callOf(req: IncomingMessage): Call {
  const call = (req as WithCall)[key];
  if (call === undefined) throw new TypeError('the request has no call: with-call must be outermost');
  return call;
}
