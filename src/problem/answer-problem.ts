import type { ErrorRequestHandler, Request, Response } from 'express';
import { contextOf } from '../context.ts';
import { endAnswer } from './end-answer.ts';
import { Problem, problemBody } from './problem.ts';

/** Where causes go that a caller must not see. */
export interface ProblemLogger {
  error(message: string, details?: object): void;
  warn(message: string, details?: object): void;
}

/** Longest part of a path that is repeated in an answer. */
const MAX_INSTANCE_LENGTH = 1024;

interface AnswerProblemOptions {
  readonly logger: ProblemLogger;
  /** Told of every problem that has been answered. It must not throw. */
  readonly onAnswered: (problem: Problem, req: Request, res: Response) => void;
}

/** The last stage, and the one place where an error becomes a response. */
export function answerProblem({ logger, onAnswered }: AnswerProblemOptions) {
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
    const instance = context.path.slice(0, MAX_INSTANCE_LENGTH);
    const body = problemBody(problem, { requestId: context.requestId, instance });
    setHead(res, problem, body);
    endAnswer(req, res, body);
    onAnswered(problem, req, res);
  } satisfies ErrorRequestHandler;
}

function setHead(res: Response, problem: Problem, body: string): void {
  res.setHeader('X-Gateway-Reason', problem.reason);
  res.setHeader('Content-Type', 'application/problem+json');
  // An error is of this moment: a cache that kept it would make it last.
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.statusCode = problem.status;
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
