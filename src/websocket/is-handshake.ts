import type { IncomingMessage } from 'node:http';
import type { RouteSettings } from '../config/schema.ts';
import { asksForWebSocket, faultOfHandshake } from './handshake.ts';

interface IsHandshakeOptions {
  readonly routes: readonly RouteSettings[];
  /** The route of a GET; undefined if the path has none, or no normal form. */
  readonly routeOf: (path: string) => RouteSettings | undefined;
}

/**
 * Whether a request leaves HTTP if all goes well. Its parser has to know before any stage has run, so this asks for what
 * the stages will find, by the same rules. Undefined if no route has WebSockets.
 */
export function isHandshakeOf({
  routes,
  routeOf,
}: IsHandshakeOptions): ((req: IncomingMessage) => boolean) | undefined {
  if (routes.every(({ websocket }) => websocket === undefined)) return undefined;
  return function isHandshake(req) {
    if (!asksForWebSocket(req) || faultOfHandshake(req) !== undefined) return false;
    return routeOf(req.url?.split('?', 1)[0] ?? '')?.websocket !== undefined;
  };
}
