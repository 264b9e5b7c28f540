import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import helmet from 'helmet';

/**
 * Stage: what browsers are told on every answer, refusals included. For an API: nothing may be embedded or loaded from it,
 * nothing is guessed about it, and its answers may be read by pages of other origins only as far as CORS allows.
 */
export function securityHeaders() {
  const setHeaders = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    crossOriginResourcePolicy: { policy: 'same-site' },
    frameguard: { action: 'deny' },
    // These speak to documents, plug-ins and browsers that an API has nothing to do with, on every answer.
    crossOriginOpenerPolicy: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    originAgentCluster: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
    // Express is told not to send it.
    xPoweredBy: false,
  });
  const headers = headersOf(setHeaders);
  return function securityHeaders(_req, res, next) {
    for (const [name, value] of headers) res.setHeader(name, value);
    next();
  } satisfies RequestHandler;
}

/** What helmet sets. It is the same each time, so helmet is asked once. */
function headersOf(setHeaders: ReturnType<typeof helmet>): readonly (readonly [name: string, value: string])[] {
  const headers: [string, string][] = [];
  const recorder = { setHeader: (name: string, value: string) => void headers.push([name, value]) };
  setHeaders({} as IncomingMessage, recorder as unknown as ServerResponse, () => undefined);
  return headers;
}
