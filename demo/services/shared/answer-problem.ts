import type { NextFunction, Request, Response } from 'express';
import { Problem } from './problem.ts';

/** The one place where an error becomes a response. Express tells an error handler by its four parameters. */
export function answerProblem(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) {
    // Express then cuts the connection, so half an answer can't pass for a whole one.
    next(error);
    return;
  }
  const problem = toProblem(error);
  if (problem.status === 401) response.set('WWW-Authenticate', 'Bearer'); // RFC 9110 §15.5.2 demands one.
  response.set(problem.headers).status(problem.status).type('application/problem+json');
  response.send(JSON.stringify(problem));
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isClientError(error)) return new Problem({ status: error.status, detail: clientErrorDetail(error) });
  console.error(error);
  return new Problem({ status: 500, detail: 'The service failed; its log says why.' });
}

/** What body-parser and the router throw for a body or a path they can't read. */
interface ClientError extends Error {
  status: number;
  type?: unknown;
}

function isClientError(error: unknown): error is ClientError {
  if (!(error instanceof Error) || !('status' in error)) return false;
  return typeof error.status === 'number' && error.status >= 400 && error.status < 500;
}

function clientErrorDetail(error: ClientError): string {
  if (error.type === 'entity.parse.failed') return `The body is not valid JSON: ${error.message}`;
  if (error.type === 'entity.too.large') return 'The body is too large: at most 100 kB are taken.';
  return error.message;
}
