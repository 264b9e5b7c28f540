import type { IncomingMessage } from 'node:http';
import type { RouteSettings, UpstreamSettings } from '../config/schema.ts';
import { contextOf, isExpectingContinue } from '../context.ts';
import { type BoundedBody, declaredBytes, heldBody, noBody, streamedBody } from './bounded-body.ts';
import { type Call, setCall } from './call.ts';
import type { Forward } from './forward.ts';

interface CallOptions {
  readonly settings: UpstreamSettings;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

/**
 * Gives the tries of a request what they share: its body and its deadlines. Outermost, so that a body that is too long, or
 * that its client never sends, neither holds a connection nor counts anywhere.
 */
export function withCall(forward: Forward, { settings, clock }: CallOptions): Forward {
  const { maxBodyBytes: heldBytes, attempts } = settings.retry;
  return function forwardCall(req, res) {
    const route = contextOf(req).route?.settings;
    const maxBytes = route?.maxBodyBytes ?? 0;
    const bytes = declaredBytes(req, maxBytes);
    const begin = (body: BoundedBody) => {
      setCall(req, newCall({ body, settings, route, now: clock() }));
      return forward(req, res);
    };
    if (bytes === 0) return begin(noBody(req));
    if (isHeld(req, bytes, attempts > 0 ? heldBytes : 0)) return heldBody(req).then(begin);
    return begin(streamedBody(req, maxBytes));
  };
}

/** A client that waits for `100 Continue` sends nothing before a connection is there to send it on. */
function isHeld(req: IncomingMessage, bytes: number | undefined, heldBytes: number): boolean {
  return bytes !== undefined && bytes <= heldBytes && !isExpectingContinue(req);
}

interface NewCall {
  readonly body: BoundedBody;
  readonly settings: UpstreamSettings;
  readonly route: RouteSettings | undefined;
  readonly now: number;
}

function newCall({ body, settings, route, now }: NewCall): Call {
  const totalMs = route?.totalTimeoutMs ?? settings.totalTimeoutMs;
  return {
    body,
    timeouts: {
      connectMs: route?.connectTimeoutMs ?? settings.connectTimeoutMs,
      headMs: route?.headTimeoutMs ?? settings.headTimeoutMs,
      idleMs: route?.idleTimeoutMs ?? settings.idleTimeoutMs,
    },
    endsAt: totalMs === undefined ? Number.POSITIVE_INFINITY : now + totalMs,
    tryMs: Number.POSITIVE_INFINITY,
    hasAnswerBegun: false,
    tried: [],
  };
}
