import { hash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Problem } from '../problem/problem.ts';

/** Sixteen bytes in base64: whatever is left of the last character's bits is zero. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** What both sides append to the key. @see RFC 6455 §4.2.2 */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Whether a request asks for a WebSocket, well or badly. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return listOf(headers.upgrade).includes('websocket');
}

/**
 * What is wrong with a request for a WebSocket, or undefined if nothing is.
 * @see RFC 6455 §4.2.1
 */
export function faultOfHandshake(req: IncomingMessage): Problem | undefined {
  const { headers, method, httpVersion } = req;
  if (method !== 'GET') return invalid('its method is not GET');
  if (httpVersion !== '1.1') return invalid('it is not of HTTP/1.1');
  if (headers.upgrade?.toLowerCase() !== 'websocket') return invalid('its Upgrade header is not "websocket"');
  if (!listOf(headers.connection).includes('upgrade')) return invalid('its Connection header does not name "upgrade"');
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0) {
    return invalid('it has a body');
  }
  if (!KEY.test(String(headers['sec-websocket-key']))) {
    return invalid('its Sec-WebSocket-Key is not the base64 of 16 bytes');
  }
  if (headers['sec-websocket-version'] !== '13') return wrongVersion();
  return undefined;
}

/**
 * Why an answer of 101 does not open a WebSocket, or undefined if it does.
 * @see RFC 6455 §4.1, the client's checks
 */
export function faultOfAnswer({ headers: asked }: IncomingMessage, answer: IncomingHttpHeaders): string | undefined {
  const key = String(asked['sec-websocket-key']);
  const protocol = answer['sec-websocket-protocol'];
  if (answer.upgrade?.toLowerCase() !== 'websocket') return 'its Upgrade header is not "websocket"';
  if (!listOf(answer.connection).includes('upgrade')) return 'its Connection header does not name "upgrade"';
  if (answer['sec-websocket-accept'] !== acceptOf(key)) return 'its Sec-WebSocket-Accept does not belong to the key';
  if (protocol !== undefined && !protocolsOf(asked['sec-websocket-protocol']).includes(protocol)) {
    return 'its Sec-WebSocket-Protocol was not offered';
  }
  if (answer['sec-websocket-extensions'] !== undefined && asked['sec-websocket-extensions'] === undefined) {
    return 'its Sec-WebSocket-Extensions were not offered';
  }
  return undefined;
}

/** The proof that a handshake was read. */
function acceptOf(key: string): string {
  return hash('sha1', key + ACCEPT_SUFFIX, 'base64');
}

/** The subprotocols of a header, in order. Unlike most tokens, their letter case counts. */
export function protocolsOf(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function listOf(value: string | undefined): string[] {
  return protocolsOf(value?.toLowerCase());
}

function invalid(fault: string): Problem {
  return new Problem('invalid_request', { detail: `This is no WebSocket handshake: ${fault}.` });
}

/** @see RFC 6455 §4.4, RFC 9110 §15.5.22 */
function wrongVersion(): Problem {
  return new Problem('invalid_request', {
    status: 426,
    detail: 'The only accepted Sec-WebSocket-Version is 13.',
    headers: { 'Sec-WebSocket-Version': '13', Upgrade: 'websocket', Connection: 'Upgrade, close' },
  });
}
