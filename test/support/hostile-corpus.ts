import { ambiguous, inner, malformed, post } from './ambiguous-requests.ts';
import { bearer, tokenFor } from './gateway.ts';
import { oddRequests } from './odd-requests.ts';
import { spellingsOf } from './path-spellings.ts';
import { chunked, rawRequest } from './raw-request.ts';

// For as long as anybody lets generated requests run.
const token = `Authorization: ${bearer(tokenFor({}, { expiresIn: '2d' })).authorization}`;
const claims = ['X-User-Id: forged', 'X_User_Id: forged', 'X.User.Roles: admin', 'x-tenant-id: forged'];

/** Requests that are served as they stand. A change of a byte or two is what makes them hostile. */
const served: readonly string[] = [
  rawRequest(),
  rawRequest({ target: '/api/crm/companies', lines: [token] }),
  rawRequest({ target: '/api/crm/companies?a=b', lines: [token, ...claims] }),
  rawRequest({ lines: claims }),
  rawRequest({ lines: ['Connection: keep-alive, X-One', 'X-One: 1', 'TE: trailers', 'Upgrade: h2c'] }),
  rawRequest({ target: '/api/crm/companies', lines: [token, 'Connection: X-User-Id, X-Request-Id'] }),
  rawRequest({ method: 'POST', body: 'hello' }),
  rawRequest({ method: 'POST', body: inner }),
  rawRequest({ method: 'POST', body: inner, isChunked: true }),
  rawRequest({ method: 'PUT', target: '/api/crm/public/files', body: inner, isChunked: true }),
  rawRequest({ method: 'DELETE', body: inner, isChunked: true }),
  rawRequest({ method: 'HEAD', body: inner }),
  rawRequest({ method: 'OPTIONS', body: inner, isChunked: true }),
  rawRequest({ method: 'POST', target: '/api/crm/companies', lines: [token, 'Expect: 100-continue'], body: inner }),
  rawRequest({ target: 'http://gateway.test/open/crm/x?y=z' }),
  rawRequest({ method: 'OPTIONS', target: '*' }),
  rawRequest({ version: 'HTTP/1.0', lines: ['Connection: keep-alive'] }),
  post(['Transfer-Encoding: chunked', 'Trailer: X-User-Id'], '3;a=b\r\nabc\r\n0\r\nX-User-Id: forged\r\n\r\n'),
  `${rawRequest({ method: 'POST', body: inner })}${rawRequest({ method: 'POST', body: inner, isChunked: true })}`,
  rawRequest({ target: '/open/crm/a' }) + rawRequest({ target: '/api/crm/admin' }) + rawRequest({ target: '/none' }),
  rawRequest({ lines: Array.from({ length: 97 }, () => 'a:') }),
];

/** Requests for what only administrators may have, by somebody else, in every spelling. */
const climbing: readonly string[] = ['/api/crm/admin/users', '/api/crm/companies'].flatMap((path) =>
  [path, ...spellingsOf(path), `/open/crm/..${path}`, `/api/crm/public/%2e%2e/%2e%2e${path}`].map((target) =>
    rawRequest({ target, lines: path.includes('admin') ? [token] : [] }),
  ),
);

/** What generated requests begin as. Those that are served stand in it often enough to be chosen often. */
export const hostileCorpus: readonly string[] = [
  ...Array.from({ length: 20 }, () => served).flat(),
  ...Object.values({ ...ambiguous, ...malformed, ...oddRequests }),
  ...climbing,
];

/** What mutations put into requests. */
export const hostileTokens: readonly string[] = [
  ...['\r\n', '\r\n\r\n', '\n\n', '\r\n ', '\x0b', '\x80', '\xff', ' HTTP/1.1\r\n', 'HTTP/1.0', 'chunked', 'identity'],
  ...[
    '%20',
    '%2e',
    '%2f',
    '%5c',
    '%00',
    '%25',
    '%25%32%65',
    '..',
    '../',
    '/',
    '//',
    '\\',
    '#',
    '?',
    ';',
    '*',
    '/admin/',
  ],
  ...['0\r\n\r\n', '5\r\nhello\r\n', '5;a="\r\n"\r\nhello\r\n', 'ffffffffffffffff\r\n', chunked(inner), inner],
  ...['Content-Length: 0\r\n', 'Content-Length: 5\r\n', `Content-Length: ${inner.length}\r\n`, 'content-length:\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding:\x0bchunked\r\n', 'transfer-encoding: identity\r\n'],
  ...['Transfer-Encoding: gzip, chunked\r\n', 'Host: b.test\r\n', 'Host: a.test:65536\r\n', 'Expect: 100-continue\r\n'],
  ...['Connection: close\r\n', 'Connection: Transfer-Encoding, Content-Length, X-User-Id, Host\r\n', 'X: a\r\n b\r\n'],
  ...['Upgrade: websocket\r\nConnection: Upgrade\r\n', 'Keep-Alive: timeout=1\r\n', 'Trailer: X-User-Id\r\n'],
  ...[
    'X-User-Id: forged\r\n',
    'X_User_Roles: admin\r\n',
    'x-User.id: forged\r\n',
    'X-Original-URL: /api/crm/admin\r\n',
  ],
  ...['X-HTTP-Method-Override: DELETE\r\n', 'X-Forwarded-For: 203.0.113.9\r\n', 'X-Request-Id: forged-request\r\n'],
  `${token}\r\n`,
];
