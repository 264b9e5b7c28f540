import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { hasOwnHeader } from '../own-headers.ts';
import { type AnswerHead, isPassedOn } from './answer-headers.ts';

/**
 * What has to be known before the body, or says who somebody is: it must not come when everything has been decided.
 * @see RFC 9110 §6.5.1
 */
const ONLY_BEFORE_THE_BODY =
  /^(?:host|authorization|www-authenticate|cookie|set-cookie|content-(?:length|encoding|type|range|location)|location|cache-control|expires|age|date|vary|pragma|retry-after|warning|allow|range|if-.*|max-forwards|expect|x-(?:user|tenant|auth|gateway|forwarded|request)-.*|forwarded|traceparent|tracestate)$/;

const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/**
 * The trailers that an answer announces and that its client takes, in lower case. Only these pass: a client that did not
 * ask for trailers may drop them or fail at them, and what is not announced nobody expects.
 * @param res to which nothing of the upstream's has been written yet
 */
export function announcedTrailers(
  res: ServerResponse,
  { status, headers }: Pick<AnswerHead, 'status' | 'headers'>,
): readonly string[] {
  const { trailer } = headers;
  if (trailer === undefined || !hasChunks(status, headers) || !takesTrailers(res.req)) return [];
  const names = String(trailer)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return names.filter((name) => mayTrail(name) && !hasOwnHeader(res.req, name));
}

/** Those of the trailers that came which were announced. */
export function passedTrailers(
  announced: readonly string[],
  trailers: IncomingHttpHeaders,
): Record<string, string | string[]> {
  const entries = announced.map((name) => [name, trailers[name]] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string | string[]] => entry[1] !== undefined));
}

/** They come behind the last chunk. */
function hasChunks(status: number, headers: IncomingHttpHeaders): boolean {
  return status !== 204 && status !== 304 && headers['content-length'] === undefined;
}

function takesTrailers({ method, httpVersion, headers }: IncomingMessage): boolean {
  return method !== 'HEAD' && httpVersion === '1.1' && /(?:^|,)\s*trailers\s*(?:[;,]|$)/i.test(String(headers.te));
}

function mayTrail(name: string): boolean {
  return NAME.test(name) && isPassedOn(name) && !ONLY_BEFORE_THE_BODY.test(name);
}
