import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import type { RawAnswer } from './raw-client.ts';

interface ClientOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly origin?: string;
  readonly ca?: string;
  readonly perMessageDeflate?: boolean;
}

/** An open WebSocket, and what came over it. */
export interface TestSocket {
  readonly ws: WebSocket;
  /** Of the 101. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly messages: string[];
  /** The code with which it ended: 1006 if without a close frame. */
  readonly closed: Promise<number>;
  /** What the close frame said besides. */
  readonly closeReason: Promise<string>;
}

/**
 * Opens a WebSocket.
 * @throws {Error} if the handshake is refused
 */
export async function openSocket(url: string, options: ClientOptions = {}): Promise<TestSocket> {
  const result = await tryToOpen(url, options);
  if ('ws' in result) return result;
  throw new Error(`the handshake was answered ${result.status} ${result.body}`);
}

/** Opens a WebSocket and returns it, or the answer that refused it. */
export function tryToOpen(url: string, options: ClientOptions = {}): Promise<TestSocket | RawAnswer> {
  const { protocols = [], ...rest } = options;
  const ws = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], { perMessageDeflate: false, ...rest });
  const messages: string[] = [];
  ws.on('message', (data) => messages.push(data.toString()));
  const closed = new Promise<number>((resolve) => ws.once('close', resolve));
  const closeReason = new Promise<string>((resolve) => ws.once('close', (_code, reason) => resolve(reason.toString())));
  return new Promise((resolve, reject) => {
    let headers: TestSocket['headers'] = {};
    ws.on('upgrade', (res) => {
      headers = res.headers;
    });
    ws.once('open', () => resolve({ ws, headers, messages, closed, closeReason }));
    ws.once('unexpected-response', (_req, res) => {
      text(res).then((body) => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers as Record<string, string>, body });
      }, reject);
    });
    ws.on('error', reject);
  });
}

/** The lines of a handshake that nothing is wrong with, for requests that are sent as they are. */
export const handshakeLines: readonly string[] = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/** What a server answers to that key. @see RFC 6455 §1.3 */
export const acceptLine = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
