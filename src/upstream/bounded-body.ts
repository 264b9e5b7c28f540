import type { IncomingMessage } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { Problem } from '../problem/problem.ts';

/** The body of a request, on its way to the upstream. */
export interface BoundedBody {
  /** null when the request has no body. */
  readonly stream: Readable | null;
  /** Whether the next byte has to come from the client, and not to be taken by the upstream. */
  isWaitingForClient(): boolean;
}

const none: BoundedBody = { stream: null, isWaitingForClient: () => false };

/**
 * The body of a request, refused once it exceeds `maxBytes`. Node holds the client to a declared length, so only bodies
 * without one have to be counted.
 * @throws {Problem} `body_too_large` at once if the declared length exceeds it
 */
export function boundedBody(req: IncomingMessage, maxBytes: number): BoundedBody {
  // Whatever ends the transfer is reported where it was noticed first; an unheard 'error' would end the process.
  req.on('error', ignore);
  const declared = req.headers['content-length'];
  if (declared !== undefined) {
    if (Number(declared) > maxBytes) throw tooLarge(maxBytes);
    return Number(declared) === 0 ? none : { stream: req, isWaitingForClient: () => !req.complete && !req.isPaused() };
  }
  if (req.headers['transfer-encoding'] === undefined) return none;
  const counted = countBytes(maxBytes);
  counted.on('error', ignore);
  req.once('close', () => {
    if (!req.complete) counted.destroy(new Problem('client_closed'));
  });
  return { stream: req.pipe(counted), isWaitingForClient: () => !req.complete && !counted.isPaused() };
}

function countBytes(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(tooLarge(maxBytes));
      else done(null, chunk);
    },
  });
}

function tooLarge(maxBytes: number): Problem {
  // The rest of the body is not read, so the connection can't carry another request.
  const headers = { Connection: 'close' };
  return new Problem('body_too_large', {
    detail: `The body may have ${maxBytes} bytes on this route.`,
    headers,
  });
}

function ignore(): void {}
