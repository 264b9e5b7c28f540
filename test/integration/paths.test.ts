import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectNothingRevealed, expectProblem } from '../support/expect-problem.ts';
import { bearer, tokenFor } from '../support/gateway.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { asLenientServersRead, spellingsOf } from '../support/path-spellings.ts';
import { rawRequest } from '../support/raw-request.ts';

const stripPrefix = '/api/crm';
let front: GatewayWithBackend;

beforeAll(async () => {
  const common = { upstream: 'crm', stripPrefix };
  const routes = [
    { ...common, path: '/api/crm/login', auth: 'none' },
    { ...common, path: '/api/crm/public/*', auth: 'none' },
    { ...common, path: '/api/crm/admin/*', roles: ['admin'] },
    { ...common, path: '/api/crm/reports', roles: ['admin'] },
    { ...common, path: '/api/crm/*', methods: ['GET', 'POST'] },
    { ...common, path: '/api/crm/*', methods: ['DELETE'], roles: ['admin'] },
  ];
  front = await startGatewayWithBackend({ routes });
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

const agent = `Authorization: ${bearer().authorization}`;
const admin = `Authorization: ${bearer(tokenFor({ roles: ['admin'] })).authorization}`;
const isPublic = (path: string) => path === '/login' || path === '/public' || path.startsWith('/public/');
const needsAdmin = (path: string) => path === '/reports' || path === '/admin' || path.startsWith('/admin/');

/** Sends a request for each spelling; returns what the backend was asked for, read as leniently as a server may. */
async function backendReadings(targets: readonly string[], lines: string[] = []) {
  for (const target of targets) {
    const { answers } = await front.exchange(rawRequest({ target, lines }));
    expect({ target, answers: answers.length }).toEqual({ target, answers: 1 });
    const [answer] = answers;
    const { status = 0, body = '' } = answer ?? {};
    expectNothingRevealed(body);
    expect([200, 400, 401, 403, 404]).toContain(status);
    if (status !== 200) expectProblem(answer, { status, reason: String(answer?.headers['x-gateway-reason']) });
  }
  return front.backend.requests.map(({ url }) => asLenientServersRead(url));
}

const protectedPaths = ['/api/crm/companies', '/api/crm/admin/users', '/api/crm/reports', '/api/crm/admin'];

describe('a path that needs a token', () => {
  it.each(protectedPaths)('has no spelling that needs none: %s', async (path) => {
    const spellings = spellingsOf(path);
    expect(spellings.length).toBeGreaterThan(180);
    const readings = await backendReadings([path, ...spellings]);
    // Such as `/api/crm/companies/../login`, were it not refused: what passes must be public however it is read.
    expect(readings.filter((reading) => !isPublic(reading))).toEqual([]);
  });

  it.each(['/api/crm/public', '/api/crm/login', '/api/crm/public/files'])(
    'is not reached through a public one: %s',
    async (path) => {
      const climbs = [
        '..',
        '%2e%2e',
        '.%2e',
        '%2E%2E',
        '..;',
        '..;a=b',
        '%252e%252e',
        '%c0%ae%c0%ae',
        '..%00',
        '..%5c',
        '..%2f',
      ];
      const targets = climbs.flatMap((up) => [
        `${path}/${up}/companies`,
        `${path}/${up}/${up}/companies`,
        `${path}/${up}/${up}/crm/admin/users`,
        `${path}%2f${up}%2fcompanies`,
        `${path}\\${up}\\companies`,
        `${path}/${up}`,
        `${path};/${up}/companies`,
      ]);
      const readings = await backendReadings([path, ...targets]);
      expect(readings).toContain(path.slice(stripPrefix.length));
      expect(readings.filter((reading) => !isPublic(reading))).toEqual([]);
    },
  );
});

describe('a path that needs a role', () => {
  it.each(protectedPaths.slice(1))('has no spelling that needs none: %s', async (path) => {
    const readings = await backendReadings([path, ...spellingsOf(path)], [agent]);
    expect(readings.filter(needsAdmin)).toEqual([]);
  });

  it.each(['/api/crm/companies', '/api/crm/public/x', '/api/crm/login'])(
    'is not reached through another: %s',
    async (path) => {
      const others = spellingsOf(path).map((spelling) => `${spelling}/../admin/users`);
      const readings = await backendReadings([...others, `${path}/../admin`, `${path}/%2e%2e/reports`], [agent]);
      expect(readings.filter(needsAdmin)).toEqual([]);
    },
  );

  it('is served to who has it, in its plain spellings', async () => {
    const targets = [
      '/api/crm/admin/users',
      '/api/crm/admin',
      '/api/crm/admin/',
      '/api/crm/reports/',
      '/api/crm/%61dmin/users',
    ];
    await backendReadings(targets, [admin]);
    expect(front.backend.requests.map(({ url }) => url)).toEqual([
      '/admin/users',
      '/admin',
      '/admin/',
      '/reports/',
      '/admin/users',
    ]);
  });

  it('by its method has no spelling that needs none', async () => {
    for (const target of ['/api/crm/companies/1', ...spellingsOf('/api/crm/companies/1')]) {
      await front.exchange(rawRequest({ method: 'DELETE', target, lines: [agent] }));
    }
    expect(front.backend.requests).toEqual([]);
  });
});

describe('the path that the upstream is asked for', () => {
  it.each([
    ['/api/crm/companies', '/companies'],
    ['/api/crm', '/'],
    ['/api/crm/', '/'],
    ['/api/crm/a%20b', '/a%20b'],
    ['/api/crm/a%c3%a9', '/a%C3%A9'],
    ['/api/crm/%7euser/%2da', '/~user/-a'],
    ["/api/crm/a!$&'()*+,=:@b", "/a!$&'()*+,=:@b"],
    ['/api/crm/100%25', '/100%25'],
    ['/api/crm/...', '/...'],
    ['/api/crm/.well-known/x', '/.well-known/x'],
    ['/api/crm/a%3Fb%23c', '/a%3Fb%23c'],
  ])('is the one that was matched: %s', async (target, url) => {
    const { answers } = await front.exchange(rawRequest({ target, lines: [agent] }));
    expect(answers[0]?.status).toBe(200);
    expect(front.backend.requests.map((request) => request.url)).toEqual([url]);
  });

  it.each([
    '/API/crm/companies',
    '/api/CRM/companies',
    '/api/crmx',
    '/api/crm.',
    '/api',
    '/',
    '/health/none',
    '/apix/crm/y',
  ])('exists for no path beside the routes: %s', async (target) => {
    const [answer] = (await front.exchange(rawRequest({ target, lines: [admin] }))).answers;
    expectProblem(answer, { status: 404, reason: 'route_not_found' });
    expect(front.backend.requests).toEqual([]);
  });
});
