import { describe, expect, it } from '@jest/globals';
import { configOf, findingsOf, minimalFile } from '../../support/configuration.ts';

/** The small file with something after it. */
const with_ = (more: string) => minimalFile + more;

describe('gateway.yaml', () => {
  it('refuses an empty file, naming all that it needs', () => {
    expect(findingsOf({ file: '' })).toEqual([
      expect.stringMatching(/^gateway\.yaml:1:1 upstreams: expected/),
      expect.stringMatching(/^gateway\.yaml:1:1 routes: expected/),
    ]);
  });

  it('refuses two routes of one path and method, whatever the case of the path', () => {
    const file = with_('  - path: /api/CRM/*\n    upstream: crm\n    methods: [GET]\n');
    expect(findingsOf({ file })).toEqual(['gateway.yaml:7:5 routes[1].path: routes[0] has the same path and GET']);
  });

  it('says that the file is missing, and where it was looked for', () => {
    expect(findingsOf({ file: null })).toEqual([
      expect.stringMatching(/^GATEWAY_CONFIG \(file\): can't read .*gateway\.yaml/),
    ]);
  });

  it('refuses aliases that would grow without end', () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) => `l${level + 1}: &l${level + 1} [${'*l'.concat(String(level), ', ').repeat(9)}]`,
    );
    expect(findingsOf({ file: `l0: &l0 [x]\n${levels.join('\n')}\n` })[0]).toContain('alias');
  });

  it('lists what is wrong with keys, values, references and names at once', () => {
    const file = `upstreams:
  auth:
    url: \${NOWHERE}
  auth:
    url: \${NOWHERE}
  crm:
    url: crm
    timeout: 5
routes:
  - path: nowhere
    upstream: crm
  - path: /a
    upstream: gone
  - path: /a
    upstream: crm
    stripPrefix: /b
`;
    const findings = findingsOf({ file });
    expect(new Set(findings.map((finding) => /:(\d+):\d+ ([^:]+):/.exec(finding)?.slice(1).join(' ')))).toEqual(
      new Set([
        '3 upstreams.auth.url',
        '4 (YAML)',
        '7 upstreams.crm.url',
        '8 upstreams.crm.timeout',
        '10 routes[0].path',
        '13 routes[1].upstream',
        '14 routes[2].path',
        '16 routes[2].stripPrefix',
      ]),
    );
    expect(findings).toHaveLength(8);
  });

  it('never repeats a URL, which may hold a password', () => {
    const file = minimalFile.replace('http://', 'http://admin:hunter2@');
    expect(findingsOf({ file })[0]).not.toContain('hunter2');
  });

  it('takes the URL of a service from the environment, from .env, or its default', () => {
    const file = minimalFile.replace(/http:.*/, '${CRM_SERVICE_URL}');
    const urlOf = (sources: object) => configOf({ file, ...sources }).gateway.upstreams.crm?.instances[0]?.url;
    expect(urlOf({})).toBe('http://localhost:3002');
    expect(urlOf({ envFile: 'CRM_SERVICE_URL=http://b:1\n' })).toBe('http://b:1');
    expect(urlOf({ envFile: 'CRM_SERVICE_URL=http://b:1\n', environment: { CRM_SERVICE_URL: 'http://c:2' } })).toBe(
      'http://c:2',
    );
    expect(urlOf({ environment: { CRM_SERVICE_URL: '' } })).toBe('http://localhost:3002');
  });

  it('fills a file of six lines up with the documented defaults', () => {
    const { gateway } = configOf();
    expect(gateway.routes[0]).toMatchObject({ auth: 'required', countLoginFailures: false, maxBodyBytes: 10_485_760 });
    expect(gateway.upstreams.crm?.breaker).toEqual({
      windowSeconds: 10,
      minimumCalls: 10,
      failurePercent: 50,
      openSeconds: 30,
      failureStatuses: [500, 502, 503, 504],
    });
    expect(gateway.identity.headers).toEqual({
      'X-User-Id': 'sub',
      'X-User-Email': 'email',
      'X-User-Roles': 'roles',
      'X-Tenant-Id': 'tenantId',
    });
  });

  it.each(['upstreams', 'identity', 'server'])('gives no prototype to objects through __proto__ in %s', (part) => {
    const file = `${minimalFile.replace(`${part}:`, `${part}:\n  __proto__: { polluted: true }`)}`;
    const added = file === minimalFile ? with_(`${part}:\n  __proto__: { polluted: true }\n`) : file;
    try {
      configOf({ file: added });
    } catch {
      // Whether it is refused or ignored, it must change nothing.
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
