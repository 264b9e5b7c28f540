import { describe, expect, it } from '@jest/globals';
import { configOf, findingsOf, minimalFile } from '../../support/configuration.ts';

/** The small file with these lines in the place of the upstream's `url`. */
const upstreamOf = (...lines: string[]) =>
  minimalFile.replace('    url: http://localhost:3002\n', lines.map((line) => `    ${line}\n`).join(''));

const instancesOf = (sources: Parameters<typeof configOf>[0]) => configOf(sources).gateway.upstreams.crm?.instances;

describe('the instances of an upstream', () => {
  it('are one of weight 1 for one URL', () => {
    expect(instancesOf({})).toEqual([{ url: 'http://localhost:3002', weight: 1 }]);
  });

  it('are several for a list of URLs, with any space around the commas', () => {
    expect(instancesOf({ file: upstreamOf('url: "http://a:1 ,https://b,  http://[::1]:3/"') })).toEqual([
      { url: 'http://a:1', weight: 1 },
      { url: 'https://b', weight: 1 },
      { url: 'http://[::1]:3', weight: 1 },
    ]);
  });

  it('have the weights that are written beside them', () => {
    const file = upstreamOf('instances:', '  - url: http://a:1', '    weight: 3', '  - url: http://b:1');
    expect(instancesOf({ file })).toEqual([
      { url: 'http://a:1', weight: 3 },
      { url: 'http://b:1', weight: 1 },
    ]);
  });

  it('may be listed in the environment or in .env', () => {
    const file = upstreamOf('url: ${CRM_SERVICE_URL}');
    const two = [
      { url: 'http://a:1', weight: 1 },
      { url: 'http://b:1', weight: 1 },
    ];
    expect(instancesOf({ file, environment: { CRM_SERVICE_URL: 'http://a:1,http://b:1' } })).toEqual(two);
    expect(instancesOf({ file, envFile: 'CRM_SERVICE_URL=http://a:1, http://b:1\n' })).toEqual(two);
    const other = upstreamOf('url: ${SOMEWHERE}');
    expect(instancesOf({ file: other, environment: { SOMEWHERE: 'http://a:1,http://b:1' } })).toEqual(two);
  });

  it.each(['AUTH_SERVICE_URL', 'CRM_SERVICE_URL', 'TICKETS_SERVICE_URL'])('may be several in %s', (name) => {
    const settings: Record<string, unknown> = configOf({ environment: { [name]: 'http://a:1,http://b:1' } }).settings;
    expect(settings[name]).toEqual(['http://a:1', 'http://b:1']);
  });

  it.each([
    'http://a:1,',
    ',',
    'http://a:1,,http://b:1',
    'http://a:1,b',
    'http://a:1;http://b:1',
    'http://a/x,http://b',
  ])('are refused in CRM_SERVICE_URL=%s, once for the variable and once where it is used', (value) => {
    const findings = findingsOf({
      file: upstreamOf('url: ${CRM_SERVICE_URL}'),
      environment: { CRM_SERVICE_URL: value },
    });
    expect(findings).toEqual([
      `environment CRM_SERVICE_URL: expected http(s)://host[:port] without a path; several with commas between, got "${value}"`,
      'gateway.yaml:3:5 upstreams.crm.url: expected http(s)://host[:port] without a path; several with commas between',
    ]);
  });
});

describe('wrong instances', () => {
  it.each<[what: string, lines: string[], finding: RegExp]>([
    [
      'none at all',
      ['maxConnections: 1'],
      /^gateway\.yaml:2:3 upstreams\.crm\.url: missing; expected `url` or `instances`$/,
    ],
    [
      'both',
      ['url: http://a', 'instances: [{ url: http://b }]'],
      /^gateway\.yaml:3:5 upstreams\.crm\.url: expected `url` or `instances`, not both$/,
    ],
    ['an empty list', ['instances: []'], /^gateway\.yaml:3:5 upstreams\.crm\.instances: /],
    [
      'a list of texts',
      ['instances: [http://a]'],
      /^gateway\.yaml:3:17 upstreams\.crm\.instances\[0\]: expected object/,
    ],
    ['a list for url', ['url: [http://a]'], /^gateway\.yaml:3:5 upstreams\.crm\.url: expected string/],
    ['an empty url', ['url: ""'], /^gateway\.yaml:3:5 upstreams\.crm\.url: expected http/],
    [
      'an instance without a url',
      ['instances:', '  - weight: 1'],
      /^gateway\.yaml:4:9 upstreams\.crm\.instances\[0\]\.url: /,
    ],
    [
      'an instance with a path',
      ['instances:', '  - url: http://a/x'],
      /^gateway\.yaml:4:9 upstreams\.crm\.instances\[0\]\.url: expected http\(s\):\/\/host\[:port\] without a path$/,
    ],
    [
      'an instance that is several',
      ['instances:', '  - url: http://a,http://b'],
      /^gateway\.yaml:4:9 upstreams\.crm\.instances\[0\]\.url: expected http/,
    ],
    [
      'an unknown key of an instance',
      ['instances:', '  - url: http://a', '    wieght: 2'],
      /^gateway\.yaml:5:9 upstreams\.crm\.instances\[0\]\.wieght: unknown key$/,
    ],
    ...['0', '-1', '1.5', '1001', '"2"', '.inf'].map((weight): [string, string[], RegExp] => [
      `a weight of ${weight}`,
      ['instances:', '  - url: http://a', `    weight: ${weight}`],
      /^gateway\.yaml:5:9 upstreams\.crm\.instances\[0\]\.weight: /,
    ]),
    [
      'one that is there twice',
      ['url: http://a,http://b,http://a'],
      /^gateway\.yaml:3:5 upstreams\.crm\.url: http:\/\/a is there twice$/,
    ],
    [
      'one that is there twice in another spelling',
      ['instances:', '  - url: http://a', '  - url: http://A:80/'],
      /^gateway\.yaml:3:5 upstreams\.crm\.instances: http:\/\/a is there twice$/,
    ],
    [
      'an unknown strategy',
      ['url: http://a', 'balancing: random'],
      /^gateway\.yaml:4:5 upstreams\.crm\.balancing: .*"round-robin"\|"least-connections"\|"power-of-two-choices"/,
    ],
    [
      'a check without a path',
      ['url: http://a', 'healthCheck: {}'],
      /^gateway\.yaml:4:5 upstreams\.crm\.healthCheck\.path: /,
    ],
    [
      'a check whose path is a URL',
      ['url: http://a', 'healthCheck: { path: "http://a/health" }'],
      /^gateway\.yaml:4:20 upstreams\.crm\.healthCheck\.path: expected a path such as \/health$/,
    ],
    [
      'a method that must not be repeated',
      ['url: http://a', 'retry: { methods: [POST] }'],
      /^gateway\.yaml:4:\d+ upstreams\.crm\.retry\.methods\[0\]: /,
    ],
    [
      'more than every instance',
      ['url: http://a', 'ejection: { maxEjectedPercent: 101 }'],
      /^gateway\.yaml:4:\d+ upstreams\.crm\.ejection\.maxEjectedPercent: /,
    ],
    ['a deadline of 0', ['url: http://a', 'totalTimeoutMs: 0'], /^gateway\.yaml:4:5 upstreams\.crm\.totalTimeoutMs: /],
  ])('are refused: %s', (_what, lines, finding) => {
    const [first, ...others] = findingsOf({ file: upstreamOf(...lines) });
    expect(first).toMatch(finding);
    expect(others).toEqual([]);
  });

  it('are told together with what else is wrong in the upstream', () => {
    const findings = findingsOf({ file: upstreamOf('urls: http://a', 'maxConnections: many') });
    expect(findings.map((finding) => finding.split(' ')[1])).toEqual(
      expect.arrayContaining(['upstreams.crm.urls:', 'upstreams.crm.maxConnections:', 'upstreams.crm.url:']),
    );
    expect(findings).toHaveLength(3);
  });

  it('are told without the password that one of them carries', () => {
    for (const file of [
      upstreamOf('url: http://a,http://admin:hunter2@b'),
      upstreamOf('instances: [{ url: http://admin:hunter2@b }]'),
    ]) {
      expect(findingsOf({ file })).toEqual([
        expect.stringMatching(/^gateway\.yaml:3:\d+ upstreams\.crm\..*url: expected/),
      ]);
      expect(findingsOf({ file })[0]).not.toContain('hunter2');
    }
    const [finding] = findingsOf({ environment: { CRM_SERVICE_URL: 'http://a,http://:hunter2@b' } });
    expect(finding).toContain('got "http://a,http://***@b"');
  });
});

describe('the deadlines of a route', () => {
  const routeWith = (line: string) => `${minimalFile}    ${line}\n`;

  it.each(['connectTimeoutMs', 'headTimeoutMs', 'idleTimeoutMs', 'totalTimeoutMs'])(
    '%s is its own, if it has one',
    (name) => {
      const settings = (file?: string): Record<string, unknown> => ({
        ...configOf(file === undefined ? {} : { file }).gateway.routes[0],
      });
      expect(settings(routeWith(`${name}: 5`))[name]).toBe(5);
      expect(settings()[name]).toBeUndefined();
      expect(findingsOf({ file: routeWith(`${name}: 0`) })).toEqual([
        expect.stringMatching(new RegExp(`^gateway\\.yaml:7:5 routes\\[0\\]\\.${name}: `)),
      ]);
    },
  );
});
