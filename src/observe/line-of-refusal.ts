import type { IncomingMessage } from 'node:http';
import type { Express } from 'express';
import type { Reason } from '../problem/catalog.ts';
import { clientOf } from './client-of.ts';
import { masked } from './log-secrets.ts';
import type { AccessLine } from './logger.ts';

interface Refused {
  readonly req: IncomingMessage;
  readonly requestId: string;
  readonly status: number;
  readonly reason: Reason;
}

/** The line of a request that was refused before any stage has seen it. */
export function lineOfRefusal({ req, requestId, status, reason }: Refused, app: Express): AccessLine {
  // Only a request of Express's can read the addresses that proxies have added. To make it one costs something.
  const isForwarded = req.headers['x-forwarded-for'] !== undefined;
  const request = isForwarded ? Object.setPrototypeOf(req, app.request) : req;
  return {
    time: new Date().toISOString(),
    requestId,
    client: clientOf(request, app.get('trust proxy fn')).address,
    method: req.method ?? '',
    path: masked(req.url ?? ''),
    status,
    reason,
  };
}
