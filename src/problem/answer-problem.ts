import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorRequestHandler, Request, Response } from 'express';
import { contextOf } from '../context.ts';
import { Problem, problemBody } from './problem.ts';

/** Where causes go that a caller must not see. */
export interface ProblemLogger {
  error(message: string, details?: object): void;
  warn(message: string, details?: object): void;
}

/** Longest part of a path that is repeated in an answer. */
const MAX_INSTANCE_LENGTH = 1024;

/** A refused client has this long to read its answer and stop sending. */
const LINGER_MS = 1000;

/** Bodies up to this size are read and thrown away, so that the connection can carry a next request. */
const MAX_DISCARDED_BYTES = 65_536;

/** The last stage, and the one place where an error becomes a response. */
export function answerProblem({ logger }: { logger: ProblemLogger }) {
  return function answerProblem(error, req, res, _next) {
    const problem = error instanceof Problem ? error : new Problem('internal_error', { cause: error });
    const context = contextOf(req);
    context.reason = problem.reason;
    log(logger, problem, context);
    if (problem.reason === 'client_closed' || res.destroyed) return;
    if (res.headersSent) {
      // Too late for words: cut, so that nobody takes the answer for a complete one.
      res.destroy();
      return;
    }
    for (const [name, value] of Object.entries(problem.headers)) res.setHeader(name, value);
    if (problem.retryAfterSeconds !== undefined) res.setHeader('Retry-After', problem.retryAfterSeconds);
    const isUnread = !req.complete && !isDiscardable(req.headers);
    if (isUnread) res.setHeader('Connection', 'close');
    const instance = context.path.slice(0, MAX_INSTANCE_LENGTH);
    const body = problemBody(problem, { requestId: context.requestId, instance });
    sendHead(res, problem, body);
    // What follows a request whose framing was refused is not to be read, not even to be thrown away.
    if (isUnread && problem.headers.Connection === undefined) endAfterUpload(req, res, body);
    else res.end(body);
  } satisfies ErrorRequestHandler;
}

function sendHead(res: Response, problem: Problem, body: string): void {
  res.setHeader('X-Gateway-Reason', problem.reason);
  res.setHeader('Content-Type', 'application/problem+json');
  // An error is of this moment: a cache that kept it would make it last.
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.writeHead(problem.status);
}

/**
 * Closing a connection while its client is still sending resets it, and a reset can overtake the answer: nginx then tells
 * its client 502 instead of what we said. So what still comes is thrown away for a while; the answer is complete without
 * the end, by its length.
 */
function endAfterUpload(req: Request, res: Response, body: string): void {
  res.write(body);
  const end = () => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(end, LINGER_MS).unref();
  req.once('close', end).resume();
}

/** Whether what is left of a request is nothing, or little enough to be read for nothing. */
function isDiscardable(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= MAX_DISCARDED_BYTES;
}

function log(logger: ProblemLogger, problem: Problem, { requestId, upstream }: ReturnType<typeof contextOf>): void {
  const cause = problem.cause;
  if (problem.reason === 'internal_error') {
    logger.error('request failed within the gateway', {
      requestId,
      error: cause instanceof Error ? cause.stack : cause,
    });
  } else if (problem.source === 'upstream' && cause !== undefined) {
    const error = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    logger.warn('upstream failed', { requestId, upstream: upstream?.name, reason: problem.reason, error });
  }
}
