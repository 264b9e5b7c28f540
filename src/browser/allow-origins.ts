import cors from 'cors';
import type { RequestHandler, Response } from 'express';
import { addOwnHeader } from '../own-headers.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** What a page needs to read to know why it was refused, and when to come back. */
const EXPOSED = [
  ...['X-Request-Id', 'X-Gateway-Reason', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'Location'],
  ...['X-Quota-Limit', 'X-Quota-Remaining', 'X-Quota-Reset'],
];

/** Browsers ask again after this many seconds. */
const PREFLIGHT_MAX_AGE_SECONDS = 600;

/**
 * Stage: lets pages of the listed origins call the gateway, and no others. A preflight carries no token, so it is answered
 * here, from memory: counting it would make a page's every call cost its visitor's address one anonymous request.
 * @param origins exact; compared as whole strings, so neither `null` nor `https://evil-example.com` gets through
 */
export function allowOrigins(origins: readonly string[]) {
  const settings = { origin: true, credentials: true, exposedHeaders: EXPOSED };
  const onPreflight = cors({ ...settings, methods: METHODS, maxAge: PREFLIGHT_MAX_AGE_SECONDS });
  const onCall = cors({ ...settings, preflightContinue: true });
  const allowed = new Map(origins.map((origin) => [origin, headersFor(origin, onCall)]));
  return function allowOrigins(req, res, next) {
    const { origin } = req.headers;
    const isPreflight = req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined;
    const headers = origin === undefined ? undefined : allowed.get(origin);
    if (isPreflight && headers !== undefined) return onPreflight(req, res, next);
    for (const [name, value] of headers ?? OF_STRANGERS) addOwnHeader(req, name, value);
    if (!isPreflight) return next();
    res.writeHead(204).end();
  } satisfies RequestHandler;
}

/** The answer would differ for an allowed origin, and a cache must know that. */
const OF_STRANGERS = [['Vary', 'Origin']] as const;

/** What cors says to a page of this origin. It is the same each time, so cors is asked once. */
function headersFor(origin: string, setHeaders: ReturnType<typeof cors>): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const recorder = {
    getHeader: (name: string) => headers.get(name),
    setHeader: (name: string, value: string) => void headers.set(name, value),
  };
  setHeaders({ method: 'GET', headers: { origin } }, recorder as unknown as Response, () => undefined);
  return headers;
}
