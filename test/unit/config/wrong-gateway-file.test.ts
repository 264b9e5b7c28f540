import { describe, expect, it } from '@jest/globals';
import { findingsOf, minimalFile } from '../../support/configuration.ts';

/** The small file with something after it. */
const with_ = (more: string) => minimalFile + more;
/** The small file with other keys in its route. */
const routeWith = (more: string) => with_(`    ${more}\n`);
/** The small file with other keys in its upstream. */
const upstreamWith = (more: string) => minimalFile.replace('routes:', `    ${more}\nroutes:`);

describe('gateway.yaml', () => {
  it.each<[what: string, file: string, finding: RegExp]>([
    ['a text', 'just a text', /^gateway\.yaml:1:1 \(file\): expected object/],
    ['a list', '- a', /^gateway\.yaml:1:1 \(file\): expected object/],
    ['a tab', 'upstreams:\n\tcrm: x', /^gateway\.yaml:2:1 \(YAML\): .*[Tt]ab/],
    ['an open bracket', 'routes: [', /^gateway\.yaml:1:10 \(YAML\): /],
    ['two documents', `${minimalFile}---\n${minimalFile}`, /^gateway\.yaml:\d+:\d+ \(YAML\): /],
    ['an unknown key', with_('route: []\n'), /^gateway\.yaml:7:1 route: unknown key$/],
    ['an unknown key of a route', routeWith('auht: none'), /^gateway\.yaml:7:5 routes\[0\]\.auht: unknown key$/],
    [
      'an unknown key of an upstream',
      upstreamWith('timeout: 1'),
      /^gateway\.yaml:4:5 upstreams\.crm\.timeout: unknown/,
    ],
    [
      'a key that aims at prototypes',
      routeWith('constructor: x'),
      /^gateway\.yaml:7:5 routes\[0\]\.constructor: unknown/,
    ],
    ['a key given twice', routeWith('upstream: crm'), /^gateway\.yaml:7:5 \(YAML\): Map keys must be unique/],
    ['an upstream given twice', upstreamWith('url: http://b'), /^gateway\.yaml:4:5 \(YAML\): Map keys must be unique/],
    ['no routes', 'upstreams:\n  a:\n    url: http://a\n', /^gateway\.yaml:1:1 routes: expected array/],
    ['an empty list of routes', 'upstreams: {}\nroutes: []\n', /^gateway\.yaml:2:1 routes: /],
    [
      'a missing path',
      'upstreams: {}\nroutes:\n  - upstream: a\n',
      /^gateway\.yaml:3:5 routes\[0\]\.path: expected string/,
    ],
    [
      'a path without a slash',
      minimalFile.replace('/api', 'api'),
      /^gateway\.yaml:5:5 routes\[0\]\.path: expected a path/,
    ],
    ['a path with ..', minimalFile.replace('crm/*', '../*?'), /^gateway\.yaml:5:5 routes\[0\]\.path: expected a path/],
    [
      'a star in the middle',
      minimalFile.replace('crm/*', '*/crm'),
      /^gateway\.yaml:5:5 routes\[0\]\.path: expected a path/,
    ],
    ['a path with %', minimalFile.replace('crm/*', '%63rm'), /^gateway\.yaml:5:5 routes\[0\]\.path: expected a path/],
    [
      'an upstream that is not there',
      minimalFile.replace('upstream: crm', 'upstream: cmr'),
      /^gateway\.yaml:6:5 routes\[0\]\.upstream: expected one of crm, got "cmr"$/,
    ],
    [
      'a prototype for an upstream',
      minimalFile.replace('upstream: crm', 'upstream: toString'),
      /^gateway\.yaml:6:5 routes\[0\]\.upstream: expected one of crm/,
    ],
    ['auth: false', routeWith('auth: false'), /^gateway\.yaml:7:5 routes\[0\]\.auth: /],
    ['auth: optional', routeWith('auth: optional'), /^gateway\.yaml:7:5 routes\[0\]\.auth: .*"required"\|"none"/],
    ['roles that are a text', routeWith('roles: admin'), /^gateway\.yaml:7:5 routes\[0\]\.roles: expected array/],
    ['an empty list of roles', routeWith('roles: []'), /^gateway\.yaml:7:5 routes\[0\]\.roles: /],
    ['an empty role', routeWith('roles: [""]'), /^gateway\.yaml:7:13 routes\[0\]\.roles\[0\]: /],
    [
      'roles without a token',
      routeWith('roles: [a]\n    auth: none'),
      /^gateway\.yaml:7:5 routes\[0\]\.roles: a route without a token/,
    ],
    ['a method in lower case', routeWith('methods: [get]'), /^gateway\.yaml:7:15 routes\[0\]\.methods\[0\]: /],
    ['TRACE', routeWith('methods: [GET, TRACE]'), /^gateway\.yaml:7:20 routes\[0\]\.methods\[1\]: /],
    ['no methods', routeWith('methods: []'), /^gateway\.yaml:7:5 routes\[0\]\.methods: /],
    [
      'a size with a unit',
      routeWith('maxBodyBytes: 100kb'),
      /^gateway\.yaml:7:5 routes\[0\]\.maxBodyBytes: expected number/,
    ],
    [
      'a size with a space',
      routeWith('maxBodyBytes: "100 "'),
      /^gateway\.yaml:7:5 routes\[0\]\.maxBodyBytes: expected number/,
    ],
    ['a negative size', routeWith('maxBodyBytes: -1'), /^gateway\.yaml:7:5 routes\[0\]\.maxBodyBytes: /],
    ['a size of infinity', routeWith('maxBodyBytes: .inf'), /^gateway\.yaml:7:5 routes\[0\]\.maxBodyBytes: /],
    [
      'a switch that is a text',
      routeWith('countLoginFailures: "false"'),
      /^gateway\.yaml:7:5 routes\[0\]\.countLoginFailures: expected boolean/,
    ],
    [
      'YAML 1.1 words',
      routeWith('countLoginFailures: yes'),
      /^gateway\.yaml:7:5 routes\[0\]\.countLoginFailures: expected boolean/,
    ],
    [
      'a prefix of something else',
      routeWith('stripPrefix: /api/cr'),
      /^gateway\.yaml:7:5 routes\[0\]\.stripPrefix: expected a beginning/,
    ],
    [
      'a URL with a path',
      upstreamWith('').replace(':3002', ':3002/api'),
      /^gateway\.yaml:3:5 upstreams\.crm\.url: expected http\(s\):\/\/host/,
    ],
    [
      'a URL without a scheme',
      upstreamWith('').replace('http://', ''),
      /^gateway\.yaml:3:5 upstreams\.crm\.url: expected/,
    ],
    [
      'an unset reference',
      minimalFile.replace(/http:.*/, '${NOWHERE}'),
      /^gateway\.yaml:3:5 upstreams\.crm\.url: refers to NOWHERE, which is not set$/,
    ],
    [
      'part of a reference',
      minimalFile.replace(/http:.*/, 'http://${CRM_HOST}'),
      /^gateway\.yaml:3:5 upstreams\.crm\.url: expected/,
    ],
    [
      'a name in capitals',
      upstreamWith('').replace('routes:', '  CRM:\n    url: http://a\nroutes:'),
      /^gateway\.yaml:5:3 upstreams\.CRM: expected a short lower-case name$/,
    ],
    ['a timeout of 0', upstreamWith('headTimeoutMs: 0'), /^gateway\.yaml:4:5 upstreams\.crm\.headTimeoutMs: /],
    [
      'a timeout as text',
      upstreamWith('headTimeoutMs: "1000"'),
      /^gateway\.yaml:4:5 upstreams\.crm\.headTimeoutMs: expected number/,
    ],
    ['a fraction', upstreamWith('maxConnections: 1.5'), /^gateway\.yaml:4:5 upstreams\.crm\.maxConnections: /],
    [
      '101 percent',
      upstreamWith('breaker: { failurePercent: 101 }'),
      /^gateway\.yaml:4:16 upstreams\.crm\.breaker\.failurePercent: /,
    ],
    [
      'a status that is none',
      upstreamWith('breaker: { failureStatuses: [5xx] }'),
      /^gateway\.yaml:4:34 upstreams\.crm\.breaker\.failureStatuses\[0\]: /,
    ],
    [
      'a bad header name',
      with_('identity: { headers: { "X User": sub } }\n'),
      /^gateway\.yaml:7:24 identity\.headers\.X User: expected a header name/,
    ],
    [
      'a header that ends requests',
      with_('identity: { headers: { Content-Length: sub } }\n'),
      /^gateway\.yaml:7:24 identity\.headers\.Content-Length: /,
    ],
    [
      'a header that directs requests',
      with_('identity: { headers: { host: sub } }\n'),
      /^gateway\.yaml:7:24 identity\.headers\.host: /,
    ],
    [
      'more headers than Node frames',
      with_('server: { maxHeaderCount: 2000 }\n'),
      /^gateway\.yaml:7:11 server\.maxHeaderCount: /,
    ],
  ])('refuses %s, and says where', (_what, file, finding) => {
    expect(findingsOf({ file })[0]).toMatch(finding);
    expect(findingsOf({ file })).toHaveLength(1);
  });
});
