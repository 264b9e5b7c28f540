import type { RequestHandler } from 'express';
import { contextOf, type RequestContext } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { type ExplainLink, readRefusal } from './read-refusal.ts';
import { isRequestId, type Refusal } from './refusal.ts';

const PREFIX = '/api/v1/_explain/';

/**
 * Stage: answers `GET /api/v1/_explain/{requestId}` to whoever made that request: the same user, or the same address if
 * it came without a valid token. To all others there is no such path.
 */
export function answerExplain({ link }: { link: ExplainLink }) {
  const explain: RequestHandler = async (req, res) => {
    const context = contextOf(req);
    const refusal = await lookUp(link, context.path.slice(PREFIX.length));
    if (refusal === undefined || !isOwn(refusal, context)) throw new Problem('route_not_found');
    res.setHeader('Cache-Control', 'no-store');
    res.json(withoutAddresses(refusal));
  };
  return function answerExplain(req, res, next) {
    const isAsked = req.method === 'GET' && contextOf(req).path.startsWith(PREFIX);
    return isAsked ? explain(req, res, next) : next();
  } satisfies RequestHandler;
}

async function lookUp(link: ExplainLink, requestId: string): Promise<Refusal | undefined> {
  if (link.isAway() || !isRequestId(requestId)) return undefined;
  // The link has noticed and logged a failure.
  return readRefusal(link, requestId).catch(() => undefined);
}

function isOwn({ user, client }: Refusal, context: RequestContext): boolean {
  return user === undefined ? client === context.client.address : user === context.caller?.userId;
}

/** Where the services are is nobody's business outside. */
function withoutAddresses({ upstream, ...refusal }: Refusal): Refusal {
  if (upstream === undefined) return refusal;
  const { instance: _, ...rest } = upstream;
  return { ...refusal, upstream: rest };
}
