import type { RequestHandler } from 'express';
import { setContext } from '../context.ts';
import { clientOf, type IsTrustedProxy } from './client-of.ts';
import { continueTrace, randomHex } from './trace-context.ts';

const ACCEPTED_ID = /^[A-Za-z0-9._-]{8,128}$/;

/**
 * Stage: opens the context of a request, and gives the client the id to quote when it asks for help.
 * An id from outside is kept only if a trusted proxy set it: it ends up in logs and at the services.
 * @param clock milliseconds, monotonic
 */
export function beginRequest({ isTrustedProxy, clock }: { isTrustedProxy: IsTrustedProxy; clock: () => number }) {
  return function beginRequest(req, _res, next) {
    const client = clientOf(req, isTrustedProxy);
    const offered = req.headers['x-request-id'];
    const isKept = client.isBehindProxy && typeof offered === 'string' && ACCEPTED_ID.test(offered);
    const requestId = isKept ? offered : randomHex(16);
    const parent = req.headers.traceparent;
    const { traceId, traceparent } = continueTrace(typeof parent === 'string' ? parent : undefined);
    setContext(req, {
      requestId,
      traceId,
      traceparent,
      startedAt: clock(),
      client,
      ownHeaders: ['X-Request-Id', requestId],
      path: '/',
      query: '',
      route: undefined,
      allowedMethods: undefined,
      caller: undefined,
      authProblem: undefined,
      upstream: undefined,
      reason: undefined,
    });
    next();
  } satisfies RequestHandler;
}
