import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { connectionOptions, hopByHop } from './outgoing-headers.ts';

/** What tells strangers about the service behind us. */
const REVEALING = new Set(['server', 'x-powered-by', 'via']);

/** Whose page may read an answer is decided by ALLOWED_ORIGINS alone. */
const CORS = /^access-control-/;

export interface AnswerHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The upstream's own origin, which must not show in a `Location`. */
  readonly origin: string;
  readonly prefix: string;
}

/**
 * Writes an upstream's response head to the client. A header that the gateway has already set stays as it is.
 * @throws {Error} if the head can't be written as valid HTTP; the response then has none of the upstream's headers
 */
export function writeAnswerHead(res: ServerResponse, { status, headers, origin, prefix }: AnswerHead): void {
  const named = connectionOptions(headers.connection);
  const isDropped = (name: string) =>
    hopByHop.has(name) || named?.has(name) || REVEALING.has(name) || CORS.test(name) || res.hasHeader(name);
  const written: string[] = [];
  try {
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined) continue;
      if (name === 'vary') res.appendHeader(name, value);
      else if (isDropped(name) || (name === 'content-length' && status === 204)) continue;
      else res.setHeader(name, name === 'location' ? publicLocation(String(value), origin, prefix) : value);
      written.push(name);
    }
    // Without the upstream's reason phrase: it means nothing, and it may hold what HTTP can't. @see RFC 9112 §4
    res.writeHead(status);
  } catch (error) {
    for (const name of written) res.removeHeader(name);
    throw error;
  }
}

/** A redirect to the service itself becomes one to the path under which the client knows it. */
function publicLocation(location: string, origin: string, prefix: string): string {
  const isOwn = location === origin || location.startsWith(`${origin}/`);
  return isOwn ? prefix + location.slice(origin.length) || '/' : location;
}
