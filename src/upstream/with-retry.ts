import type { IncomingMessage } from 'node:http';
import { contextOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import type { Forward } from './forward.ts';

/** Methods that may be sent twice and have no body that could be gone. @see RFC 9110 §9.2.2 */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Tries once more when the upstream closed the connection before it answered. That is what the race between our use of
 * an idle connection and the service's closing of it looks like, and it must not show to clients. Only where the request
 * may be repeated: what has a body, or changes something, is never sent twice.
 */
export function withRetry(forward: Forward): Forward {
  return async function forwardWithRetry(req, res) {
    try {
      return await forward(req, res);
    } catch (error) {
      const isReset = error instanceof Problem && error.reason === 'upstream_reset';
      if (!isReset || !isRepeatable(req) || res.headersSent || res.destroyed) throw error;
      const { upstream } = contextOf(req);
      if (upstream !== undefined) upstream.retries = (upstream.retries ?? 0) + 1;
      return forward(req, res);
    }
  };
}

function isRepeatable(req: IncomingMessage): boolean {
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  return REPEATABLE.has(req.method ?? '') && !hasBody;
}
