import type { RequestHandler } from 'express';
import type { Needed } from '../config/schema.ts';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';

/** Stage: refuses whoever may not use the route: no valid credential, or not the roles and scopes that it asks for. */
export function authorize() {
  return function authorize(req, _res, next) {
    const { route, caller, authProblem } = contextOf(req);
    const { auth, roles, scopes } = route?.settings ?? { auth: 'required' };
    if (auth === 'none') return next();
    if (caller === undefined) throw authProblem ?? new Problem('internal_error');
    if (roles !== undefined && !isMet(roles, caller.roles)) {
      throw notAllowed(wish('role', roles, caller.roles), 'Bearer error="insufficient_scope"');
    }
    if (scopes !== undefined && !isMet(scopes, caller.scopes)) {
      const missing = missingOf(scopes, caller.scopes);
      const challenge = `Bearer error="insufficient_scope", scope="${[...missing.all, ...missing.any].join(' ')}"`;
      throw notAllowed(wish('scope', scopes, caller.scopes), challenge);
    }
    next();
  } satisfies RequestHandler;
}

function isMet({ any, all }: Needed, held: readonly string[]): boolean {
  return all.every((name) => held.includes(name)) && (any.length === 0 || any.some((name) => held.includes(name)));
}

/** What of the needed is not met. It comes out of the route's settings alone, so nobody learns what else exists. */
function missingOf({ any, all }: Needed, held: readonly string[]): Needed {
  return {
    all: all.filter((name) => !held.includes(name)),
    any: any.some((name) => held.includes(name)) ? [] : any,
  };
}

/** Such as "This needs one of the roles: admin, manager." */
function wish(kind: 'role' | 'scope', needed: Needed, held: readonly string[]): string {
  const { any, all } = missingOf(needed, held);
  const sentences = [
    ...(all.length === 0 ? [] : [`This needs the ${kind}${all.length > 1 ? 's' : ''} ${all.join(', ')}.`]),
    ...(any.length === 0 ? [] : [`This needs one of the ${kind}s: ${any.join(', ')}.`]),
  ];
  return sentences.join(' ');
}

/** @see RFC 6750 §3.1 */
function notAllowed(detail: string, challenge: string): Problem {
  return new Problem('scope_missing', { detail, headers: { 'WWW-Authenticate': challenge } });
}
