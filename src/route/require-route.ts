import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';

/** Stage: refuses what no route takes. It stands behind the limits, so that guessing paths is counted. */
export function requireRoute() {
  return function requireRoute(req, _res, next) {
    const { route, allowedMethods } = contextOf(req);
    if (route !== undefined) return next();
    if (allowedMethods === undefined) throw new Problem('route_not_found');
    throw new Problem('method_not_allowed', { headers: { Allow: allowedMethods.join(', ') } });
  } satisfies RequestHandler;
}
