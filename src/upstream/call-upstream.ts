import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { type Forward, forwardWith, type Outcome } from './forward.ts';

interface CallUpstreamOptions {
  readonly forwards: ReadonlyMap<string, Forward>;
  /** Nothing is left to do for a request but to pass bytes on, when they come. Told more than once. */
  readonly onIdle: (res: ServerResponse) => void;
}

/** Stage: hands the request to the upstream of its route. The last one: whoever gets here may pass. */
export function callUpstream({ forwards, onIdle }: CallUpstreamOptions) {
  const forward = forwardWith(forwardByName(forwards));
  return async function callUpstream(req, res) {
    if (!req.complete) onIdle(res);
    await forward(req, res);
    onIdle(res);
  } satisfies RequestHandler;
}

function forwardByName(forwards: ReadonlyMap<string, Forward>): Forward {
  return async function forwardByName(req: IncomingMessage, res: ServerResponse): Promise<Outcome> {
    const context = contextOf(req);
    const name = context.route?.settings.upstream ?? '';
    const forward = forwards.get(name);
    if (forward === undefined) throw new Problem('internal_error', { cause: new Error(`no upstream "${name}"`) });
    context.upstream = { name };
    return forward(req, res);
  };
}
