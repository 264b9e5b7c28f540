import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { connectionOptions, hopByHop } from './outgoing-headers.ts';

/** What tells strangers about the service behind us. */
const REVEALING = new Set(['server', 'x-powered-by', 'via']);

/** Ours alone: whose page may read an answer is decided by ALLOWED_ORIGINS, and reasons are the gateway's words. */
const OURS = /^(?:access-control|x-gateway)-/;

/** Headers whose value is a URL that the client is to use. */
const LOCATIONS = new Set(['location', 'content-location']);

export interface AnswerHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The upstream's own origin, which must not show in a `Location`. */
  readonly origin: string;
  readonly prefix: string;
  /** Names of those that will follow the body. */
  readonly trailers?: readonly string[];
}

/** Whether a header of a service is a client's business. */
export function isPassedOn(lowerCaseName: string): boolean {
  return !hopByHop.has(lowerCaseName) && !REVEALING.has(lowerCaseName) && !OURS.test(lowerCaseName);
}

/**
 * Writes an upstream's response head to the client. A header that the gateway has already set stays as it is.
 * @throws {Error} if the head can't be written as valid HTTP; the response then has none of the upstream's headers
 */
export function writeAnswerHead(res: ServerResponse, head: AnswerHead): void {
  const { status, headers, origin, prefix, trailers = [] } = head;
  const named = connectionOptions(headers.connection);
  const isDropped = (name: string) => !isPassedOn(name) || named?.has(name) || res.hasHeader(name);
  const written: string[] = [];
  const ownVary = res.getHeader('vary');
  try {
    checkCoding(headers['transfer-encoding']);
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined) continue;
      if (name === 'vary') res.appendHeader(name, value);
      else if (isDropped(name) || (name === 'content-length' && status === 204)) continue;
      else res.setHeader(name, LOCATIONS.has(name) ? publicLocation(String(value), origin, prefix) : value);
      written.push(name);
    }
    if (trailers.length > 0) {
      res.setHeader('trailer', trailers.join(', '));
      written.push('trailer');
    }
    // Without the upstream's reason phrase: it means nothing, and it may hold what HTTP can't. @see RFC 9112 §4
    res.writeHead(status);
  } catch (error) {
    for (const name of written) res.removeHeader(name);
    if (ownVary !== undefined) res.setHeader('vary', ownVary);
    throw error;
  }
}

/** The parser takes off what is chunked. Of any other coding the client would get the bytes and not the name. */
function checkCoding(coding: string | string[] | undefined): void {
  if (coding !== undefined && String(coding).toLowerCase() !== 'chunked') throw new RangeError(`coding ${coding}`);
}

/** A URL of the service itself becomes the path under which the client knows it; a relative one is a path already. */
function publicLocation(location: string, origin: string, prefix: string): string {
  const isRelative = !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(location);
  const url = isRelative ? null : URL.parse(location, origin);
  return url?.origin === origin ? prefix + url.pathname + url.search + url.hash : location;
}
