import type { IncomingMessage } from 'node:http';
import { contextOf } from '../context.ts';

/** Headers of one connection; they end here. @see RFC 9110 §7.6.1 */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Headers that only the gateway may set. A client's copy is removed, however it is spelled. */
const OURS = new Set([
  ...['host', 'expect', 'forwarded', 'x-real-ip', 'x-request-id', 'traceparent'],
  // It is for the gateway: whoever has it can be the caller.
  'x-api-key',
  // CGI makes it HTTP_PROXY, through which programs would send their own requests. @see CVE-2016-5385
  'proxy',
]);

/** With these, some frameworks serve another path or method than the one whose policy was checked. */
const REROUTING = new Set([
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);

/** The other way to send an API key. Tokens may go on: services look into them. */
const API_KEY = /^apikey\b/i;

const OUR_PREFIX = /^x-(?:user|tenant|auth|gateway|forwarded)-/;

/**
 * Returns a function that makes the headers for the upstream, as a flat list of names and values. Three passes:
 * 1. what the client's `Connection` names and all hop-by-hop headers go, so that a client can't have ours removed;
 * 2. what only we may set goes, in every spelling that some server folds into the same name;
 * 3. ours are added last.
 * @param identityHeaders names of the headers that carry the caller's identity
 */
export function outgoingHeaders(identityHeaders: readonly string[]): (req: IncomingMessage) => string[] {
  const identity = new Set(identityHeaders.map(fold));
  const isOurs = remembered((name: string) => {
    const folded = fold(name);
    return (
      OURS.has(folded) ||
      identity.has(folded) ||
      OUR_PREFIX.test(folded) ||
      REROUTING.has(folded) ||
      isAlias(name, folded)
    );
  });
  return function outgoingHeaders(req) {
    const { client, requestId, traceId, traceparent, route, caller } = contextOf(req);
    const named = connectionOptions(req.headers.connection);
    // It belongs to the client's trace, and says nothing about one that we began. @see W3C Trace Context §3.3
    const isTraceOurs = !String(req.headers.traceparent).includes(traceId);
    const headers: string[] = [];
    for (const name in req.headers) {
      const value = req.headers[name];
      if (value === undefined || hopByHop.has(name) || named?.has(name) || isOurs(name)) continue;
      if (name === 'tracestate' && isTraceOurs) continue;
      if (name === 'authorization' && API_KEY.test(String(value))) continue;
      headers.push(name, Array.isArray(value) ? value.join(', ') : value);
    }
    headers.push('x-request-id', requestId, 'traceparent', traceparent);
    headers.push('x-forwarded-for', client.forwardedFor, 'x-forwarded-proto', client.proto);
    headers.push('x-forwarded-host', client.host, 'x-forwarded-port', client.port);
    if (route?.settings.stripPrefix !== undefined) headers.push('x-forwarded-prefix', route.settings.stripPrefix);
    for (const [name, value] of caller?.headers ?? []) headers.push(name, value);
    return headers;
  };
}

/** Another spelling of what frames a message or belongs to one connection, such as `Transfer_Encoding`. */
function isAlias(name: string, folded: string): boolean {
  return name !== folded && (hopByHop.has(folded) || folded === 'content-length');
}

/** The header names that a `Connection` header declares to be of this connection only. */
export function connectionOptions(connection: string | undefined): ReadonlySet<string> | undefined {
  // The two values that almost every message has name no header.
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((option) => option.trim()),
  );
}

/** Clients send the same few names all day. Strangers' inventions are not kept. */
const MAX_REMEMBERED_NAMES = 500;

function remembered(isTrueOf: (name: string) => boolean): (name: string) => boolean {
  const verdicts = new Map<string, boolean>();
  return (name) => {
    const known = verdicts.get(name);
    if (known !== undefined) return known;
    const verdict = isTrueOf(name);
    if (verdicts.size < MAX_REMEMBERED_NAMES) verdicts.set(name, verdict);
    return verdict;
  };
}

/** CGI, WSGI and PHP read `X_User_Id` and `X.User.Id` as `X-User-Id`, and some servers any other sign too. So do we. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
}
