import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { upgradeOf } from '../context.ts';

/**
 * Passes a 103 on: its `Link` and nothing else, to a client of ours that can take it. A proxy in front may not: nginx before
 * 1.29 takes a 103 for the answer itself, and what follows for its body. So whoever comes through one gets none.
 * @see RFC 8297
 */
export function passEarlyHints(req: IncomingMessage, res: ServerResponse, { link }: IncomingHttpHeaders): void {
  if (link === undefined || res.headersSent || upgradeOf(req) !== undefined || !takesHints(req)) return;
  // Node 22 has no such method. Not `writeEarlyHints`: it throws at links that are valid.
  (res as Partial<ServerResponse>).writeInformation?.(103, { link });
}

/** A client of HTTP/1.0 knows no interim answers; a proxy names itself or its client. */
function takesHints({ httpVersion, headers }: IncomingMessage): boolean {
  const { via, forwarded, 'x-forwarded-for': forwardedFor } = headers;
  return httpVersion === '1.1' && via === undefined && forwarded === undefined && forwardedFor === undefined;
}
