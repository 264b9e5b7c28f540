import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';

/** Stage: refuses whoever may not use the route: no valid token, or none of the roles that it asks for. */
export function authorize() {
  return function authorize(req, _res, next) {
    const { route, caller, authProblem } = contextOf(req);
    const { auth, roles } = route?.settings ?? { auth: 'required' };
    if (auth === 'none') return next();
    if (caller === undefined) throw authProblem ?? new Problem('internal_error');
    if (roles !== undefined && !roles.some((role) => caller.roles.includes(role))) {
      throw new Problem('scope_missing', {
        detail: `This needs one of the roles: ${roles.join(', ')}.`,
        headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' },
      });
    }
    next();
  } satisfies RequestHandler;
}
