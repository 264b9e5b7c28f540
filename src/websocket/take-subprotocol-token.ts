import type { RequestHandler } from 'express';
import { contextOf, upgradeOf } from '../context.ts';
import { protocolsOf } from './handshake.ts';

/** Offered in front of a token: `new WebSocket(url, ['bearer', token])`. */
const MARKER = 'bearer';

/**
 * Stage: finds the token of a browser's handshake. Scripts in a page can't set the Authorization header of a WebSocket,
 * only the subprotocols that it offers; and in the URL a token would end up in logs. Marker and token are taken out of the
 * offer, so no later stage and no service sees them there.
 * @see docs/adr/0012-websockets-through-the-same-pipeline.md
 */
export function takeSubprotocolToken() {
  return function takeSubprotocolToken(req, _res, next) {
    if (upgradeOf(req) === undefined) return next();
    const { headers } = req;
    const offered = protocolsOf(headers['sec-websocket-protocol']);
    const at = offered.indexOf(MARKER);
    const token = offered[at + 1];
    if (at === -1 || token === undefined) return next();
    const rest = offered.toSpliced(at, 2);
    if (rest.length > 0) headers['sec-websocket-protocol'] = rest.join(', ');
    else delete headers['sec-websocket-protocol'];
    // Two tokens become what no token looks like: `authenticate` refuses it, as it refuses a repeated header.
    headers.authorization = [headers.authorization, `Bearer ${token}`]
      .filter((value) => value !== undefined)
      .join(', ');
    // Browsers insist on an answer that picks from their offer. A service that was offered something picks by itself.
    if (rest.length === 0) contextOf(req).subprotocol = MARKER;
    next();
  } satisfies RequestHandler;
}
