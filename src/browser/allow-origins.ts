import cors from 'cors';
import type { RequestHandler } from 'express';

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
  const allowed = new Set(origins);
  const settings = { origin: true, credentials: true, exposedHeaders: EXPOSED };
  const onPreflight = cors({ ...settings, methods: METHODS, maxAge: PREFLIGHT_MAX_AGE_SECONDS });
  const onCall = cors({ ...settings, preflightContinue: true });
  return function allowOrigins(req, res, next) {
    const { origin } = req.headers;
    const isPreflight = req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined;
    if (origin !== undefined && allowed.has(origin)) return (isPreflight ? onPreflight : onCall)(req, res, next);
    // The answer would differ for an allowed origin, and a cache must know that.
    res.setHeader('Vary', 'Origin');
    if (!isPreflight) return next();
    res.writeHead(204).end();
  } satisfies RequestHandler;
}
