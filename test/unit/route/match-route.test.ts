import { describe, expect, it } from '@jest/globals';
import type { RouteSettings } from '../../../src/config/schema.ts';
import { routeFinder } from '../../../src/route/match-route.ts';
import { quickest } from '../../support/quickest.ts';

const route = (path: string): RouteSettings => ({
  path,
  upstream: 'crm',
  methods: ['GET'],
  auth: 'required',
  limits: [],
  weight: 1,
  countLoginFailures: false,
  maxBodyBytes: 1,
});

describe('routeFinder', () => {
  const paths = ['/api/*', '/api/crm/*', '/api/crm/admin/*', '/api/crm/login', '/api/crm/reports/daily', '/status'];
  const find = routeFinder(paths.map(route));

  it.each([
    ['/api', '/api/*'],
    ['/api/', '/api/*'],
    ['/api/other/x', '/api/*'],
    ['/api/crm', '/api/crm/*'],
    ['/api/crm/', '/api/crm/*'],
    ['/api/crm/companies/1', '/api/crm/*'],
    ['/api/crm/administrators', '/api/crm/*'],
    ['/api/crmx', '/api/*'],
    ['/api/crm/admin', '/api/crm/admin/*'],
    ['/api/crm/admin/', '/api/crm/admin/*'],
    ['/api/crm/admin/users/1/2/3', '/api/crm/admin/*'],
    ['/api/crm/login', '/api/crm/login'],
    ['/api/crm/login/', '/api/crm/login'],
    ['/api/crm/login/x', '/api/crm/*'],
    ['/api/crm/loginx', '/api/crm/*'],
    ['/api/crm/reports', '/api/crm/*'],
    ['/api/crm/reports/daily', '/api/crm/reports/daily'],
    ['/status', '/status'],
    ['/status/', '/status'],
  ])('takes the longest pattern for %s: %s', (path, name) => {
    expect(find(path)?.name).toBe(name);
  });

  it.each([
    '/',
    '/apix',
    '/ap',
    '/status/x',
    '/statu',
    '/API/x',
    '/api/CRM/x',
    '/api/crm/Admin/x',
    '/api/crm/LOGIN',
    '/Status',
  ])('takes none for %s', (path) => {
    expect(find(path)).toBeUndefined();
  });

  it('keeps all entries of a pattern, which differ in their methods', () => {
    const entries = [
      { ...route('/a/*'), methods: ['GET' as const] },
      { ...route('/a/*'), methods: ['DELETE' as const], roles: { any: ['admin'], all: [] } },
    ];
    expect(routeFinder(entries)('/a/b')?.entries).toEqual(entries);
  });

  it('finds nothing without routes', () => {
    expect(routeFinder([])('/a')).toBeUndefined();
  });

  it('takes no longer for a path of slashes', async () => {
    const tookMs = await quickest(1000, () => {
      for (let count = 0; count < 1000; count++) find(`/api${'/'.repeat(8000)}`);
    });
    expect(tookMs).toBeLessThan(1000);
  });
});
