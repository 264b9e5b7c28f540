import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';

/** Stage: refuses callers whose tenant is suspended. Where nobody has to say who he is, nobody is refused for it. */
export function refuseSuspended() {
  return function refuseSuspended(req, _res, next) {
    const { route, tenant } = contextOf(req);
    if (tenant?.status === 'suspended' && route?.settings.auth !== 'none') throw new Problem('tenant_suspended');
    next();
  } satisfies RequestHandler;
}
