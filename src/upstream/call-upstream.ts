import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import type { Forward } from './forward.ts';

/** Stage: hands the request to the upstream of its route. The last one: whoever gets here may pass. */
export function callUpstream({ forwards }: { forwards: ReadonlyMap<string, Forward> }) {
  return async function callUpstream(req, res) {
    const context = contextOf(req);
    const name = context.route?.settings.upstream ?? '';
    const forward = forwards.get(name);
    if (forward === undefined) throw new Problem('internal_error', { cause: new Error(`no upstream "${name}"`) });
    context.upstream = { name };
    await forward(req, res);
  } satisfies RequestHandler;
}
