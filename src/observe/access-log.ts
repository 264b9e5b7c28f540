import type { Request, RequestHandler, Response } from 'express';
import { contextOf } from '../context.ts';
import type { AccessLine } from './logger.ts';

interface AccessLogOptions {
  readonly write: (line: AccessLine) => void;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

/** Names of query parameters whose values are nobody's business. */
const SECRET_NAME = /token|passw|secret|key|code|auth|session|signature/i;

/** A name can't hold what begins one, so the time it takes is linear: it runs on what strangers send. */
const PARAMETER = /([?&;][^?&;=]*=)[^&;]*/g;

const MAX_PATH_LENGTH = 2048;

/** Stage: one line per request, written when its connection is done with it. Armed before anything can refuse. */
export function accessLog({ write, clock }: AccessLogOptions) {
  return function accessLog(req, res, next) {
    const target = req.url;
    const bytesBefore = req.socket.bytesWritten;
    const { socket } = req;
    res.once('close', () => {
      write({ ...lineOf(req, res, clock), path: masked(target), bytes: socket.bytesWritten - bytesBefore });
    });
    next();
  } satisfies RequestHandler;
}

function lineOf(req: Request, res: Response, clock: () => number): AccessLine {
  const context = contextOf(req);
  const { client, route, caller, upstream } = context;
  // A client that left saw no status; 499 is what operators look for. @see nginx's ngx_http_request.h
  const hasLeft = !res.writableFinished && upstream?.isTruncated !== true;
  return {
    time: new Date().toISOString(),
    requestId: context.requestId,
    traceId: context.traceId,
    client: client.address,
    method: req.method,
    route: route?.name,
    status: hasLeft ? 499 : res.statusCode,
    reason: hasLeft ? 'client_closed' : context.reason,
    user: caller?.userId,
    tenant: caller?.tenantId,
    upstream: upstream?.name,
    upstreamStatus: upstream?.status,
    upstreamMs: rounded(upstream?.headMs),
    retries: upstream?.retries,
    truncated: upstream?.isTruncated,
    durationMs: rounded(clock() - context.startedAt),
  };
}

/** The request target as it may be kept: no secrets of the query, and no more than a line should hold. */
export function masked(target: string): string {
  const text = target.length > MAX_PATH_LENGTH ? `${target.slice(0, MAX_PATH_LENGTH)}…` : target;
  if (!text.includes('?')) return text;
  return text.replace(PARAMETER, (parameter, name: string) => (SECRET_NAME.test(name) ? `${name}***` : parameter));
}

function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 100) / 100;
}
