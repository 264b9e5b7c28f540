import type { Request, RequestHandler, Response } from 'express';
import { contextOf, type LimitCount } from '../context.ts';
import { masked } from './log-secrets.ts';
import type { AccessLine } from './logger.ts';

/** A request whose answer is on its way, or never will be. */
interface Ended {
  readonly req: Request;
  readonly res: Response;
  /** As it came: later stages bring it into its normal form. */
  readonly target: string;
  readonly bytes: number;
  readonly clock: () => number;
}

interface AccessLogOptions {
  readonly write: (line: AccessLine) => void;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

/** `HTTP/1.1 100 Continue` with its empty line: the only bytes that a client may get before a head. */
const CONTINUE_BYTES = 25;

/** Stage: one line per request, written when its connection is done with it. Armed before anything can refuse. */
export function accessLog({ write, clock }: AccessLogOptions) {
  return function accessLog(req, res, next) {
    const target = req.url;
    const { socket } = req;
    // Clients may send the next request before the last one is answered: its answer begins when it gets the socket.
    let bytesBefore: number | undefined;
    const begin = () => {
      bytesBefore = socket.bytesWritten;
    };
    if (res.socket === null) res.once('socket', begin);
    else begin();
    let isOver = false;
    const writeOnce = () => {
      if (isOver) return;
      isOver = true;
      const bytes = bytesBefore === undefined ? 0 : socket.bytesWritten - bytesBefore;
      // Its body was no valid HTTP: what refuses such bytes has answered in our place, and has put that on record.
      if (!res.headersSent && bytes > CONTINUE_BYTES) return;
      write(lineOf({ req, res, target, bytes, clock }));
    };
    // Before Node's own listener, which gives the socket to the next answer. An answer that breaks off only closes.
    res.prependListener('finish', writeOnce);
    res.on('close', writeOnce);
    next();
  } satisfies RequestHandler;
}

function lineOf({ req, res, target, bytes, clock }: Ended): AccessLine {
  const context = contextOf(req);
  const { client, route, caller, upstream } = context;
  // A client that left saw no status; 499 is what operators look for. @see nginx's ngx_http_request.h
  const hasLeft = !res.writableFinished && upstream?.isTruncated !== true && context.webSocketEnd === undefined;
  return {
    time: new Date().toISOString(),
    requestId: context.requestId,
    traceId: context.traceId,
    client: client.address,
    method: req.method,
    path: masked(target),
    route: route?.name,
    status: hasLeft ? 499 : res.statusCode,
    reason: hasLeft ? 'client_closed' : context.reason,
    user: caller?.userId,
    tenant: caller?.tenantId,
    upstream: upstream?.name,
    instance: upstream?.instance,
    upstreamStatus: upstream?.status,
    upstreamMs: rounded(upstream?.headMs),
    retries: upstream?.retries,
    truncated: upstream?.isTruncated,
    webSocketEnd: context.webSocketEnd,
    wouldRefuse: context.limits && shadowRefusals(context.limits),
    bytes,
    durationMs: rounded(clock() - context.startedAt),
  };
}

/** undefined for none, so that the field is left out. */
function shadowRefusals(limits: readonly LimitCount[]): string | undefined {
  const names = limits.filter(({ isShadow, isExceeded }) => isShadow && isExceeded).map(({ limit }) => limit);
  return names.join(',') || undefined;
}

function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 100) / 100;
}
