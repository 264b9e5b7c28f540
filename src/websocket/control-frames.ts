import { randomBytes } from 'node:crypto';

const FINAL_CLOSE = 0x88;
const FINAL_PING = 0x89;
const IS_MASKED = 0x80;

/** The other end is going away, or we are. @see RFC 6455 §7.4.1 */
const GOING_AWAY = 1001;

/** A ping for a client. Empty, so that its pong says nothing either. */
export const ping: Buffer = Buffer.from([FINAL_PING, 0]);

/** A close frame for a client: 1001. */
export const goingAway: Buffer = Buffer.from([FINAL_CLOSE, 2, GOING_AWAY >> 8, GOING_AWAY & 0xff]);

/** The same for a service. What goes there is masked, with a new key each time. @see RFC 6455 §5.3 */
export function maskedGoingAway(): Buffer {
  const mask = randomBytes(4);
  const code = [(GOING_AWAY >> 8) ^ mask.readUInt8(0), (GOING_AWAY & 0xff) ^ mask.readUInt8(1)];
  return Buffer.from([FINAL_CLOSE, IS_MASKED | 2, ...mask, ...code]);
}
