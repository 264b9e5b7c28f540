import type { IncomingHttpHeaders } from 'node:http';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { Problem } from './problem.ts';

interface OperationDocs {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/companies/{id}`. `id` is the only parameter a path can have. */
  path: string;
  summary: string;
  body?: z.ZodType;
  query?: z.ZodType;
  success: { status: number; description: string; schema?: z.ZodType };
  /** Problems of its own by status; those that follow from the rest (400, 401, 413, 415) need not be told. */
  problems?: Readonly<Record<number, string>>;
}

interface Input<Body, Query, Who> {
  id: string;
  body: Body;
  query: Query;
  caller: Who;
  request: Request;
}

interface OperationSpec<Body, Query, Who, Answer> extends OperationDocs {
  /** Reads the caller from the gateway's headers, or throws a 401 problem. Without it the operation is public. */
  identify?: (headers: IncomingHttpHeaders) => Who;
  body?: z.ZodType<Body>;
  query?: z.ZodType<Query>;
  success: { status: number; description: string; schema?: z.ZodType<Answer> };
  /** The path of what was made, for the `Location` header. */
  location?: (answer: NoInfer<Answer>) => string;
  handle: (input: Input<Body, Query, Who>) => NoInfer<Answer> | Promise<NoInfer<Answer>>;
}

/** One method on one path: what it is (for OpenAPI) and how it answers (for Express), declared together so they agree. */
export interface Operation extends OperationDocs {
  isPublic: boolean;
  hasLocation: boolean;
  answer: (request: Request, response: Response) => Promise<void>;
}

/** Turns a typed description into an operation: caller first, then the body and the query, then the work. */
export function operation<Body, Query, Who, Answer>(spec: OperationSpec<Body, Query, Who, Answer>): Operation {
  const { handle, identify, location, ...docs } = spec;
  return { ...docs, isPublic: !identify, hasLocation: location !== undefined, answer };

  async function answer(request: Request, response: Response): Promise<void> {
    const result = await handle(readInput(spec, request));
    if (location) response.set('Location', forwardedPrefix(request) + location(result));
    response.status(spec.success.status);
    if (spec.success.schema) response.json(result);
    else response.end();
  }
}

function readInput<Body, Query, Who, Answer>(
  spec: OperationSpec<Body, Query, Who, Answer>,
  request: Request,
): Input<Body, Query, Who> {
  const caller = spec.identify?.(request.headers);
  if (spec.body) requireJson(request);
  const body = spec.body && checked(spec.body, { where: 'body', value: request.body });
  const query = spec.query && checked(spec.query, { where: 'query', value: request.query });
  const id = request.params.id;
  // What the description leaves out is inferred as unknown, so nobody can have relied on it being there.
  return { id: typeof id === 'string' ? id : '', body, query, caller, request } as Input<Body, Query, Who>;
}

function requireJson(request: Request): void {
  if (request.is(['json', '+json']) === false) {
    throw new Problem({
      status: 415,
      detail: 'The body must be JSON, announced by Content-Type: application/json.',
    });
  }
}

function checked<T>(schema: z.ZodType<T>, { where, value }: { where: string; value: unknown }): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({
    at: [where, ...path.map(String)].join('.'),
    detail: message,
  }));
  throw new Problem({ status: 400, detail: `The ${where} is not as expected; see errors.`, errors });
}

/** The gateway takes its prefix off the path, so only this header knows where the client finds us. */
function forwardedPrefix(request: Request): string {
  const prefix = request.get('x-forwarded-prefix') ?? '';
  return /^(\/[\w.-]+)+$/.test(prefix) ? prefix : '';
}
