import { METHODS } from 'node:http';
import { rawRequest } from './raw-request.ts';

/** Host lines that name no host, or more than one, by what is wrong with them. */
export const oddHosts: Readonly<Record<string, readonly string[]>> = {
  missing: [],
  empty: ['Host:'],
  'twice, different': ['Host: a.test', 'Host: b.test'],
  'twice, equal': ['Host: a.test', 'Host: a.test'],
  'twice, in different case': ['HOST: a.test', 'host: b.test'],
  'twice, with another line between': ['Host: a.test', 'X: 1', 'Host: b.test'],
  'a list': ['Host: a.test, b.test'],
  'with user info': ['Host: user@a.test'],
  'with a path': ['Host: a.test/path'],
  'with a path and an at sign': ['Host: a.test/@b?c'],
  'with a query': ['Host: a.test?q'],
  'with a fragment': ['Host: a.test#f'],
  'with a backslash': ['Host: a.test\\b'],
  'with a scheme': ['Host: http://a.test'],
  'with a space': ['Host: a.test b'],
  'with a tab': ['Host: a.test\tb'],
  'with an encoded character': ['Host: a%2etest'],
  'with a word for a port': ['Host: a.test:http'],
  'with an empty port': ['Host: a.test:'],
  'with two ports': ['Host: a.test:1:2'],
  'with a port beyond 16 bits': ['Host: a.test:65536'],
  'with a port of five nines': ['Host: [::1]:99999'],
  'with a negative port': ['Host: a.test:-1'],
  'with an open bracket': ['Host: [::1'],
  'with a word in brackets': ['Host: [abc]'],
  'with an IPv6 address of nine parts': ['Host: [1:2:3:4:5:6:7:8:9]'],
  'with an IPv4 address in brackets': ['Host: [127.0.0.1]'],
  'with an IPv6 zone': ['Host: [fe80::1%25eth0]'],
  'beyond ASCII': ['Host: \xe9.test'],
  'longer than a name can be': [`Host: ${'a'.repeat(256)}`],
};

/** Request targets that are neither a path nor `http(s)://host/path`. */
export const oddTargets: readonly string[] = [
  'http:///open/crm/x',
  'http://user@gateway.test/open/crm/x',
  'http://user:secret@gateway.test/open/crm/x',
  'http://gateway.test:port/open/crm/x',
  'http://gateway.test:65536/open/crm/x',
  'http://gateway.test:99999/open/crm/x',
  'http://[bad/open/crm/x',
  'http://[::1/open/crm/x',
  'http://[::1::2]/open/crm/x',
  'http://a,b/open/crm/x',
  'http://a%00b/open/crm/x',
  'http:/open/crm/x',
  'http:open/crm/x',
  'ftp://gateway.test/open/crm/x',
  'gateway.test:80',
  'gateway.test/open/crm/x',
  'open/crm/x',
  '*',
  '*/open/crm/x',
  '?q=1',
  '/open/crm/x#fragment',
  '/open/crm/x?q=1#fragment',
  '#fragment',
  'http://gateway.test/open/crm/x#fragment',
  '/open/crm/x y',
  '/open/crm/x\ty',
  '/open/crm/\xe9',
  '/open/crm/x?q=\xe9',
  '/open/crm/x?q=\0',
  '/open/crm/x?q=\x7f',
  '\\open\\crm\\x',
];

/** What the default routes serve. */
export const servedMethods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** What Node's parser knows beside them. */
export const otherMethods: readonly string[] = METHODS.filter((method) => !servedMethods.includes(method));

/** What no server knows. */
export const unknownMethods: readonly string[] = ['FOO', 'get', 'Get', 'GET\0', 'G\xcbT', 'XGET', ''];

/** Expectations that nobody meets. */
export const oddExpectations: readonly string[] = [
  'foo',
  '100-continue, foo',
  '200-ok',
  '100-continue;q=1',
  'x100-continue',
];

/** Behind something that is refused: a request that must not be served if the connection is to end. */
export const behind: string = rawRequest({ target: '/open/crm/behind' });

/** All of the above as requests, by name. Each has another one behind it on the same connection. */
export const oddRequests: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...Object.entries(oddHosts).map(([name, lines]) => [`a Host ${name}`, rawRequest({ host: null, lines })]),
    ...oddTargets.map((target) => [`the target ${JSON.stringify(target)}`, rawRequest({ target })]),
    ...[...otherMethods, ...unknownMethods].map((method) => [
      `the method ${JSON.stringify(method)}`,
      rawRequest({ method }),
    ]),
    ...oddExpectations.map((expectation) => [
      `to expect ${expectation}`,
      rawRequest({ method: 'POST', lines: [`Expect: ${expectation}`, 'Content-Length: 5'] }),
    ]),
  ].map(([name, bytes]) => [name, `${bytes}${behind}`]),
);
