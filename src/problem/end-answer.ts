import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** A refused client has this long to read its answer and stop sending. */
const LINGER_MS = 1000;

/** Bodies up to this size are read and thrown away, so that the connection can carry a next request. */
const MAX_DISCARDED_BYTES = 65_536;

/**
 * Sends a refusal whose headers are set, with its `Content-Length` among them, whether or not the request has been read.
 *
 * Closing a connection while its client is still sending resets it, and a reset can overtake the answer: nginx then tells
 * its client 502 instead of what we said. So what still comes is thrown away for a while; the answer is complete without
 * the end, by its length.
 */
export function endAnswer(req: IncomingMessage, res: ServerResponse, body: string): void {
  if (req.complete || isDiscardable(req.headers)) return void res.end(body);
  // What follows a request whose framing was refused is not to be read, not even to be thrown away.
  const isToBeRead = !res.hasHeader('Connection');
  res.setHeader('Connection', 'close');
  if (!isToBeRead) return void res.end(body);
  res.write(body);
  const end = () => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(end, LINGER_MS).unref();
  req.once('close', end).resume();
}

/** Whether what is left of a request is nothing, or little enough to be read for nothing. */
function isDiscardable(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= MAX_DISCARDED_BYTES;
}
