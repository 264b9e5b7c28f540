import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RouteSettings } from '../config/schema.ts';
import { type Caller, contextOf, upgradeOf, type WebSocketEnd } from '../context.ts';
import { writeAnswerHead } from './answer-headers.ts';

/** What an upstream needs to know of WebSockets. */
export interface WebSocketPart {
  /** Why an answer of 101 opens none, or undefined if it does. */
  faultOfAnswer(req: IncomingMessage, headers: IncomingHttpHeaders): string | undefined;
  /** Joins the two ends. */
  open(opening: {
    readonly client: Duplex;
    readonly upstream: Duplex;
    readonly caller: Caller | undefined;
    readonly settings: NonNullable<RouteSettings['websocket']>;
    readonly onEnd: (reason: WebSocketEnd) => void;
  }): void;
}

export interface UpgradeAnswer {
  readonly headers: IncomingHttpHeaders;
  /** The connection to the service, behind the head of its answer. */
  readonly socket: Duplex;
  /** Of the instance. */
  readonly origin: string;
  readonly webSockets: WebSocketPart;
}

/**
 * Passes a service's 101 on to the client, and joins their connections. The response stays open for as long as the
 * WebSocket does.
 * @throws {Error} if the answer is no valid 101; nothing has been sent then
 */
export function answerUpgrade(req: IncomingMessage, res: ServerResponse, answer: UpgradeAnswer): void {
  const { headers, socket, origin, webSockets } = answer;
  const context = contextOf(req);
  const settings = context.route?.settings.websocket;
  const upgrade = upgradeOf(req);
  if (settings === undefined || upgrade === undefined) throw new Error('nobody asked for an upgrade');
  const fault = webSockets.faultOfAnswer(req, headers);
  if (fault !== undefined) throw new Error(`the 101 of the service opens no WebSocket: ${fault}`);
  const { 'content-length': _none, ...own } = headers;
  if (context.subprotocol !== undefined) own['sec-websocket-protocol'] = context.subprotocol;
  const prefix = context.route?.settings.stripPrefix ?? '';
  res.setHeader('Connection', 'Upgrade').setHeader('Upgrade', 'websocket');
  writeAnswerHead(res, { status: 101, headers: own, origin, prefix });
  // Whatever is written from now on goes to the connection itself, behind it.
  res.flushHeaders();
  webSockets.open({
    client: upgrade.take(),
    upstream: socket,
    caller: context.caller,
    settings,
    onEnd(reason) {
      context.webSocketEnd = reason;
    },
  });
}
