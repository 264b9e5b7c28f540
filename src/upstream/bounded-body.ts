import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Problem } from '../problem/problem.ts';
import { Upload } from './upload.ts';

/** The body of a request, on its way to the upstream. */
export interface BoundedBody {
  /** null when the request has no body; a Buffer when it is held in memory. */
  readonly content: Readable | Buffer | null;
  /** Whether it can be sent from its beginning: once a byte of a stream is gone, it can't. */
  isWhole(): boolean;
  /** Whether the next byte has to come from the client, and not to be taken by the upstream. */
  isWaitingForClient(): boolean;
}

const none: BoundedBody = { content: null, isWhole: () => true, isWaitingForClient: () => false };

/**
 * The length that a request declares for its body: 0 without one, undefined if only its end will tell.
 * @throws {Problem} `body_too_large` if it is more than `maxBytes`
 */
export function declaredBytes(req: IncomingMessage, maxBytes: number): number | undefined {
  const declared = req.headers['content-length'];
  if (declared === undefined) return req.headers['transfer-encoding'] === undefined ? 0 : undefined;
  if (Number(declared) > maxBytes) throw tooLarge(maxBytes);
  return Number(declared);
}

/** The body of a request as a stream that fails with `body_too_large` once it exceeds `maxBytes`. */
export function streamedBody(req: IncomingMessage, maxBytes: number): BoundedBody {
  // Whatever ends the transfer is reported where it was noticed first; an unheard 'error' would end the process.
  req.on('error', ignore);
  const upload = new Upload(req, { maxBytes, tooLarge: () => tooLarge(maxBytes) });
  upload.on('error', ignore);
  req.once('close', () => {
    if (!req.complete) upload.destroy(new Problem('client_closed'));
  });
  return {
    content: upload,
    isWhole: () => !upload.readableDidRead && !upload.destroyed,
    isWaitingForClient: () => !req.complete && !upload.isPaused(),
  };
}

/** The body of a request that has none. */
export function noBody(req: IncomingMessage): BoundedBody {
  req.on('error', ignore);
  return none;
}

/**
 * A short body, read to its end and held, so that it can be sent more than once.
 * @throws {Problem} `client_closed` if the client leaves before
 */
export function heldBody(req: IncomingMessage): Promise<BoundedBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    req
      .on('error', ignore)
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .once('end', () => {
        const content = Buffer.concat(chunks);
        resolve({ ...none, content });
      })
      .once('close', () => {
        if (!req.complete) reject(new Problem('client_closed'));
      });
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
