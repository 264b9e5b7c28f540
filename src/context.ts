import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import type { RouteSettings } from './config/schema.ts';
import type { Reason } from './problem/catalog.ts';
import type { Problem } from './problem/problem.ts';

/** Where a request came from, as far as the proxies in front of us are believed. */
export interface Client {
  /** IPv4 in dotted form (also when it came IPv4-mapped), else IPv6 in its short form. */
  readonly address: string;
  /** `X-Forwarded-For` for the upstream: the believed chain, client first, our own peer last. */
  readonly forwardedFor: string;
  readonly proto: 'http' | 'https';
  readonly host: string;
  readonly port: string;
  /** Whether our peer is a proxy that we trust. */
  readonly isBehindProxy: boolean;
}

/** What a caller has proved its identity with, as far as revocation and limits look at it. */
export type Credential =
  | { readonly kind: 'token'; readonly jti: string | undefined; readonly issuedAtSeconds: number | undefined }
  | {
      readonly kind: 'api_key';
      readonly keyId: string;
      /** Names of the policies that limit this key besides those of its route. */
      readonly limits?: readonly string[] | undefined;
    };

/** The tenant of a caller, as the operator keeps it. */
export interface Tenant {
  readonly id: string;
  readonly status: 'active' | 'suspended';
  /** A name among the plans of `gateway.yaml`; undefined for the default one. */
  readonly plan: string | undefined;
}

/** Who is calling, from a verified token or an API key. */
export interface Caller {
  readonly userId: string;
  readonly tenantId: string | undefined;
  readonly roles: readonly string[];
  /** What the credential allows, such as `read:tickets:own`; empty if it says nothing of it. */
  readonly scopes: readonly string[];
  readonly credential: Credential;
  /** When the credential is no longer taken, in milliseconds since 1970; undefined if it does not say. */
  readonly validUntilMs?: number | undefined;
  /** The identity headers for the upstream: name and value, ready to send. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A route with what the request path has become behind it. */
export interface MatchedRoute {
  readonly settings: RouteSettings;
  /** Name for logs and metrics: the path pattern, from a closed set. */
  readonly name: string;
  /** The path that the upstream is asked for. */
  readonly upstreamPath: string;
}

/** A request whose failure counts as a failed login. */
export interface Login {
  /** Hash of the name that somebody logs in with; undefined if the body doesn't tell. */
  readonly account: string | undefined;
}

/** What one limit came to for a request. */
export interface LimitCount {
  readonly limit: string;
  /** Who is counted, such as user or address. */
  readonly of: string;
  readonly remaining: number;
  readonly isExceeded: boolean;
  /** Refuses nothing. */
  readonly isShadow: boolean;
}

/** What happened at the upstream, for the access log. */
export interface UpstreamTrace {
  readonly name: string;
  /** Origin of the instance that was asked last. */
  instance?: string;
  status?: number;
  /** From the start of the call to the response head, in milliseconds. */
  headMs?: number;
  /** Set when the response was cut after its head had been sent. */
  isTruncated?: boolean;
  /** Further tries, after the first. */
  retries?: number;
}

/** A valid handshake of a WebSocket, behind which its client waits for the answer. */
export interface Upgrade {
  /** Whether bytes came with it that are no part of it. */
  readonly hasEarlyBytes: boolean;
  /** The client's connection, from now on the taker's to look after: no parser reads it any more. */
  take(): Socket;
}

/** Why a WebSocket ended: both ends agreed, one of them was gone, or the gateway ended it. */
export const webSocketEnds = [
  'closed',
  'client_left',
  'upstream_left',
  'idle',
  'unanswered_ping',
  'protocol_error',
  'expired',
  'revoked',
  'suspended',
  'draining',
] as const;
export type WebSocketEnd = (typeof webSocketEnds)[number];

/** What the stages know of one request. Each field is written by one stage, named in its comment, and read by later ones. */
export interface RequestContext {
  /* begin-request */
  readonly requestId: string;
  readonly traceId: string;
  readonly traceparent: string;
  /** Clock reading in milliseconds; only differences mean anything. */
  readonly startedAt: number;
  readonly client: Client;
  /* own-headers: what the gateway itself says in the head of the answer, names and values in turn. */
  ownHeaders: string[];
  /* check-request: the normalised path, and the query string with its `?`, or ''. */
  path: string;
  query: string;
  /* match-route */
  route: MatchedRoute | undefined;
  /** Methods that the path would take; set when the path matches and the method does not. */
  allowedMethods: readonly string[] | undefined;
  /* authenticate */
  caller: Caller | undefined;
  /** Why there is no caller; thrown by `authorize` if the route needs one. */
  authProblem: Problem | undefined;
  /* find-tenant: undefined for callers without a tenant, and for tenants that the operator does not keep. */
  tenant?: Tenant;
  /* take-subprotocol-token: what the answer to a handshake names if the service names nothing. */
  subprotocol?: string;
  /* begin-login: set for logins whose failures count. */
  login?: Login;
  /* limit-rate: what the limits came to, where more than one was asked. */
  limits?: readonly LimitCount[];
  /* call-upstream */
  upstream: UpstreamTrace | undefined;
  /** When it became a WebSocket, and that has ended. */
  webSocketEnd?: WebSocketEnd;
  /* answer-problem */
  reason: Reason | undefined;
}

const key = Symbol('request context');
const waits = Symbol('client waits for 100 Continue');
const upgrades = Symbol('handshake of a WebSocket');

interface WithContext {
  [key]?: RequestContext;
  [waits]?: true;
  [upgrades]?: Upgrade;
}

/** Attaches the context to a request, once, at the beginning of the pipeline. */
export function setContext(req: IncomingMessage, context: RequestContext): void {
  (req as WithContext)[key] = context;
}

/**
 * The context of a request.
 * @throws {TypeError} if the pipeline has not begun: a fault of ours, never of the client
 */
export function contextOf(req: IncomingMessage): RequestContext {
  const context = (req as WithContext)[key];
  if (context === undefined) throw new TypeError('the request has no context: begin-request must run first');
  return context;
}

/** Marks a request whose client sends its body only after `100 Continue`. The listener knows it before any stage runs. */
export function markExpectsContinue(req: IncomingMessage): void {
  (req as WithContext)[waits] = true;
}

/** Whether the client of this request waits for `100 Continue`. */
export function isExpectingContinue(req: IncomingMessage): boolean {
  return (req as WithContext)[waits] === true;
}

/** Marks a request as the handshake of a WebSocket. The listener knows it before any stage runs. */
export function markUpgrade(req: IncomingMessage, upgrade: Upgrade): void {
  (req as WithContext)[upgrades] = upgrade;
}

/** The handshake that a request is; undefined for all others, whatever they ask for. */
export function upgradeOf(req: IncomingMessage): Upgrade | undefined {
  return (req as WithContext)[upgrades];
}

const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[([0-9A-Fa-f:.]{2,45})\])(?::(\d{1,5}))?$/;

/** `host[:port]` without user info, path or list; undefined for anything else. @see RFC 9110 §7.2 */
export function validHost(value: string | undefined): string | undefined {
  const [host, ipv6, port] = HOST.exec(value ?? '') ?? [];
  if (Number(port ?? 0) > 65_535 || (ipv6 !== undefined && !isIPv6(ipv6))) return undefined;
  return host;
}

/** Whether a header came more than once. Node keeps the first of some in `headers`; only the raw list tells. */
export function isRepeated(rawHeaders: readonly string[], lowerCaseName: string): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) count++;
  }
  return count > 1;
}
