import { randomBytes } from 'node:crypto';
import type { WebSocketEnd } from '../context.ts';
import type { Reason } from '../problem/catalog.ts';

const FINAL_CLOSE = 0x88;
const FINAL_PING = 0x89;
const IS_MASKED = 0x80;

/** The other end is going away, or we are. @see RFC 6455 §7.4.1 */
const GOING_AWAY = 1001;

/**
 * The caller may no longer call. Not one of 4000 to 4999: those are for the client and the service to agree on, and a
 * library of theirs may understand something else by them. @see RFC 6455 §7.4.2
 */
const POLICY_VIOLATION = 1008;

/** Why we end a WebSocket that both ends would keep. */
export type OwnEnd = Extract<WebSocketEnd, 'idle' | 'draining' | 'expired' | 'revoked' | 'suspended'>;

/** What both ends are told. The reason is the one that a request of this caller would now be refused with. */
const CLOSES: Readonly<Record<OwnEnd, Buffer>> = {
  idle: closePayload(GOING_AWAY),
  draining: closePayload(GOING_AWAY),
  expired: closePayload(POLICY_VIOLATION, 'token_expired'),
  revoked: closePayload(POLICY_VIOLATION, 'token_revoked'),
  suspended: closePayload(POLICY_VIOLATION, 'tenant_suspended'),
};

/** A ping for a client. Empty, so that its pong says nothing either. */
export const ping: Buffer = Buffer.from([FINAL_PING, 0]);

/** A close frame for a client. */
export function closeFrame(end: OwnEnd): Buffer {
  const payload = CLOSES[end];
  return Buffer.from([FINAL_CLOSE, payload.length, ...payload]);
}

/** The same for a service. What goes there is masked, with a new key each time. @see RFC 6455 §5.3 */
export function maskedCloseFrame(end: OwnEnd): Buffer {
  const payload = CLOSES[end];
  const mask = randomBytes(4);
  const masked = payload.map((byte, index) => byte ^ mask.readUInt8(index % 4));
  return Buffer.from([FINAL_CLOSE, IS_MASKED | payload.length, ...mask, ...masked]);
}

/** @see RFC 6455 §5.5.1 */
function closePayload(code: number, reason: Reason | '' = ''): Buffer {
  return Buffer.from([code >> 8, code & 0xff, ...Buffer.from(reason)]);
}
