import type { RequestHandler } from 'express';
import type { RouteSettings } from '../config/schema.ts';
import { contextOf, type MatchedRoute } from '../context.ts';

/** All entries of one path pattern, which differ in their methods. */
interface Pattern {
  readonly name: string;
  /** The path without its `/*`. */
  readonly base: string;
  readonly entries: readonly RouteSettings[];
}

/**
 * Stage: finds the route of a request. It refuses nothing yet, because requests that match no route count against the
 * caller's limit too.
 */
export function matchRoute({ routes }: { routes: readonly RouteSettings[] }) {
  const find = routeFinder(routes);
  return function matchRoute(req, _res, next) {
    const context = contextOf(req);
    const pattern = find(context.path);
    if (pattern !== undefined) {
      const settings = pattern.entries.find(({ methods }) => (methods as readonly string[]).includes(req.method));
      if (settings === undefined) context.allowedMethods = pattern.entries.flatMap(({ methods }) => methods);
      else context.route = matched(settings, context.path);
    }
    next();
  } satisfies RequestHandler;
}

/**
 * The pattern that a normalised path belongs to: the longest wins.
 * Patterns are case-sensitive, but services often are not. So a path that another case would take to another pattern
 * belongs to none: otherwise `/api/v1/crm/ADMIN` would reach the service under the laxer policy of `/api/v1/crm/*`.
 */
export function routeFinder(routes: readonly RouteSettings[]): (path: string) => Pattern | undefined {
  const exact = new Map<string, Pattern>();
  const prefixes = new Map<string, Pattern>();
  for (const [path, entries] of Map.groupBy(routes, (route) => route.path)) {
    const isPrefix = path.endsWith('/*');
    const base = isPrefix ? path.slice(0, -2) : path;
    (isPrefix ? prefixes : exact).set(base.toLowerCase(), { name: path, base, entries });
  }
  const longest = Math.max(0, ...[...prefixes.keys()].map((base) => base.length));
  return function find(path) {
    const folded = path.toLowerCase();
    const pattern = exact.get(withoutTrailingSlash(folded)) ?? longestPrefix(prefixes, folded.slice(0, longest + 1));
    return pattern !== undefined && path.startsWith(pattern.base) ? pattern : undefined;
  };
}

/**
 * Cuts the path at each slash from the right, so the cost does not depend on the number of routes.
 * @param path no longer than the longest prefix and one character: else 8,000 slashes would cost 8,000 look-ups
 */
function longestPrefix(prefixes: ReadonlyMap<string, Pattern>, path: string): Pattern | undefined {
  const whole = `${path}/`;
  for (let end = whole.lastIndexOf('/'); end > 0; end = whole.lastIndexOf('/', end - 1)) {
    const pattern = prefixes.get(whole.slice(0, end));
    if (pattern !== undefined) return pattern;
  }
  return undefined;
}

/** Most services serve `/login/` as `/login`, so it must meet the same policy. */
function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function matched(settings: RouteSettings, path: string): MatchedRoute {
  const rest = path.slice(settings.stripPrefix?.length ?? 0);
  return { settings, name: settings.path, upstreamPath: rest.startsWith('/') ? rest : `/${rest}` };
}
