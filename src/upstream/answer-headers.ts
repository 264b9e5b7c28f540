import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { contextOf } from '../context.ts';
import { hasOwnHeader, takeOwnHeaders } from '../own-headers.ts';
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
  /** Of this connection: names and values in turn. */
  readonly added?: readonly string[];
  /** Names of those that will follow the body. */
  readonly trailers?: readonly string[];
}

/** Whether a header of a service is a client's business. */
export function isPassedOn(lowerCaseName: string): boolean {
  return !hopByHop.has(lowerCaseName) && !REVEALING.has(lowerCaseName) && !OURS.test(lowerCaseName);
}

/**
 * Writes an upstream's response head to the client. What the gateway says itself stays as it is.
 * @throws {Error} if the head can't be written as valid HTTP; the response then has none of the upstream's headers
 */
export function writeAnswerHead(res: ServerResponse, head: AnswerHead): void {
  const { status, headers, origin, prefix, trailers = [], added = [] } = head;
  checkCoding(headers['transfer-encoding']);
  const named = connectionOptions(headers.connection);
  const theirs: (string | string[])[] = [];
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || !isPassedOn(name) || named?.has(name)) continue;
    // Both may have a reason to vary.
    if (name !== 'vary' && hasOwnHeader(res.req, name)) continue;
    if (name === 'content-length' && status === 204) continue;
    theirs.push(name, LOCATIONS.has(name) ? publicLocation(String(value), origin, prefix) : value);
  }
  if (trailers.length > 0) theirs.push('trailer', trailers.join(', '));
  const own = takeOwnHeaders(res.req);
  try {
    // Without the upstream's reason phrase: it means nothing, and it may hold what HTTP can't. @see RFC 9112 §4
    res.writeHead(status, [...own, ...added, ...theirs]);
  } catch (error) {
    contextOf(res.req).ownHeaders = own;
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
