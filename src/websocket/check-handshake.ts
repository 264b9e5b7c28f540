import type { RequestHandler } from 'express';
import { contextOf, upgradeOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { asksForWebSocket, faultOfHandshake } from './handshake.ts';

/**
 * Stage: refuses what asks for a WebSocket and may not have one. On a route without WebSockets the wish is ignored, as
 * HTTP has it, and the request is an ordinary one.
 * @param origins whose pages may connect; undefined for all. CORS does not protect WebSockets: browsers let any page open
 * one, and leave it to the server to look at `Origin`.
 */
export function checkHandshake({ origins }: { origins: readonly string[] | undefined }) {
  const allowed = origins && new Set(origins);
  return function checkHandshake(req, _res, next) {
    if (contextOf(req).route?.settings.websocket === undefined || !asksForWebSocket(req)) return next();
    const fault = faultOfHandshake(req);
    if (fault !== undefined) throw fault;
    const upgrade = upgradeOf(req);
    if (upgrade === undefined) {
      const detail = 'A WebSocket handshake comes alone, after the answers to all earlier requests, and names a path.';
      throw new Problem('invalid_request', { detail });
    }
    // One server would read it as frames, and another one as a request. @see RFC 6455 §4.1
    if (upgrade.hasEarlyBytes) {
      throw new Problem('invalid_request', { detail: 'Something was sent before the handshake was answered.' });
    }
    const { origin } = req.headers;
    if (origin !== undefined && allowed?.has(origin) === false) {
      // The status that RFC 6455 §4.2.2 asks for.
      throw new Problem('invalid_request', { status: 403, detail: 'Pages of this origin may not connect.' });
    }
    next();
  } satisfies RequestHandler;
}
