import type { RequestHandler } from 'express';
import { contextOf, upgradeOf } from '../context.ts';
import type { WebSockets } from './websockets.ts';

interface LimitWebSocketsOptions {
  readonly websockets: Pick<WebSockets, 'claim'>;
  /** Under which a client without a token is counted. */
  readonly keyOfAddress: (address: string) => string;
}

/** Stage: gives a WebSocket its place among those of its user, or its address, and of this worker; or refuses it. */
export function limitWebSockets({ websockets, keyOfAddress }: LimitWebSocketsOptions) {
  return function limitWebSockets(req, res, next) {
    if (upgradeOf(req) === undefined) return next();
    const { caller, client } = contextOf(req);
    const claim =
      caller === undefined
        ? websockets.claim({ kind: 'address', key: keyOfAddress(client.address) })
        : websockets.claim({ kind: 'user', key: caller.userId });
    // However it ends, the response is over then.
    res.once('close', claim.release);
    next();
  } satisfies RequestHandler;
}
