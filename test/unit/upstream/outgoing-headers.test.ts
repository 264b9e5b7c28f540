import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { type RequestContext, setContext } from '../../../src/context.ts';
import { connectionOptions, outgoingHeaders } from '../../../src/upstream/outgoing-headers.ts';

const toOutgoing = outgoingHeaders(['X-User-Id', 'Remote-User']);

/** What the function reads of a request: its headers and its context. */
function requestWith(
  headers: Record<string, string | string[]>,
  context: Partial<RequestContext> = {},
): IncomingMessage {
  const req = { headers } as unknown as IncomingMessage;
  setContext(req, {
    requestId: 'id-of-request',
    traceId: 'trace',
    traceparent: 'parent',
    startedAt: 0,
    client: { address: 'c', forwardedFor: 'c, p', proto: 'https', host: 'h', port: '443', isBehindProxy: true },
    ownHeaders: [],
    path: '/',
    query: '',
    route: undefined,
    allowedMethods: undefined,
    caller: undefined,
    authProblem: undefined,
    upstream: undefined,
    reason: undefined,
    ...context,
  });
  return req;
}

const ours = [
  ...[
    'x-request-id',
    'id-of-request',
    'traceparent',
    'parent',
    'x-forwarded-for',
    'c, p',
    'x-forwarded-proto',
    'https',
  ],
  ...['x-forwarded-host', 'h', 'x-forwarded-port', '443'],
];

describe('outgoingHeaders', () => {
  it('adds ours behind those of the client, whose names and values it keeps', () => {
    const headers = { accept: '*/*', cookie: 'a=b; c=d', 'x-list': ['1', '2'] };
    expect(toOutgoing(requestWith(headers))).toEqual([
      'accept',
      '*/*',
      'cookie',
      'a=b; c=d',
      'x-list',
      '1, 2',
      ...ours,
    ]);
  });

  it.each([
    ...['host', 'expect', 'forwarded', 'x-real-ip', 'x_real_ip', 'x-request-id', 'x.request.id', 'traceparent'],
    ...[
      'x-user-id',
      'x_user_id',
      'x.user.id',
      'x!user~id',
      'remote-user',
      'remote_user',
      'x-user-anything',
      'x-auth-x',
    ],
    ...['x-tenant-id', 'x-gateway-x', 'x-forwarded-for', 'x_forwarded_for', 'x-forwarded-anything'],
    ...['connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'transfer-encoding', 'proxy-connection'],
    ...['proxy-authorization', 'proxy-authenticate', 'http2-settings'],
    ...['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x_http_method', 'x-method-override'],
  ])('leaves out the client\u2019s %s', (name) => {
    expect(toOutgoing(requestWith({ [name]: 'forged' }))).toEqual(ours);
  });

  it('leaves out what Connection names, but never what is ours', () => {
    const headers = { connection: 'close, X-One ,x-user-id,X-Request-Id', 'x-one': '1', 'x-two': '2' };
    expect(toOutgoing(requestWith(headers))).toEqual(['x-two', '2', ...ours]);
  });

  it('keeps tracestate with the trace that the client began, and drops it with one that we began', () => {
    const headers = { traceparent: '00-trace-span-01', tracestate: 'vendor=1' };
    expect(toOutgoing(requestWith(headers))).toEqual(['tracestate', 'vendor=1', ...ours]);
    expect(toOutgoing(requestWith({ ...headers, traceparent: 'garbage' }))).toEqual(ours);
  });

  it('puts the identity of the caller last', () => {
    const caller = {
      userId: 'u',
      tenantId: undefined,
      roles: [],
      scopes: [],
      credential: { kind: 'token' as const, jti: undefined, issuedAtSeconds: undefined },
      headers: [['X-User-Id', 'u']] as const,
    };
    expect(toOutgoing(requestWith({ 'x-user-id': 'forged' }, { caller })).slice(-2)).toEqual(['X-User-Id', 'u']);
  });
});

describe('connectionOptions', () => {
  it.each([undefined, 'keep-alive', 'close'])('names nothing in %s', (connection) => {
    expect(connectionOptions(connection)).toBeUndefined();
  });

  it('reads a list in any case, with empty items', () => {
    expect(connectionOptions('Close, X-One ,,x-TWO')).toEqual(new Set(['close', 'x-one', '', 'x-two']));
  });
});
