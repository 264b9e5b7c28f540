import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { addOwnHeader } from '../own-headers.ts';

/** Stage: what browsers are told on every answer, refusals included. */
export function securityHeaders() {
  const headers = securityHeaderList();
  return function securityHeaders(req, _res, next) {
    for (const [name, value] of headers) addOwnHeader(req, name, value);
    next();
  } satisfies RequestHandler;
}

/**
 * For an API: nothing may be embedded or loaded from it, nothing is guessed about it, and its answers may be read by pages
 * of other origins only as far as CORS allows.
 */
export function securityHeaderList() {
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
  return headersOf(setHeaders);
}

/** What helmet sets. It is the same each time, so helmet is asked once. */
function headersOf(setHeaders: ReturnType<typeof helmet>): readonly (readonly [name: string, value: string])[] {
  const headers: [string, string][] = [];
  const recorder = { setHeader: (name: string, value: string) => void headers.push([name, value]) };
  setHeaders({} as IncomingMessage, recorder as unknown as ServerResponse, () => undefined);
  return headers;
}
