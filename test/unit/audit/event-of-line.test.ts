import { describe, expect, it } from '@jest/globals';
import { eventOfLine, type RequestLine } from '../../../src/audit/event-of-line.ts';

const isLogin = (method: string | undefined, route: string | undefined) => method === 'POST' && route === '/login';
const line = (fields: Partial<RequestLine>): RequestLine => ({
  time: '2026-01-01T00:00:00.000Z',
  requestId: 'request-1',
  client: '203.0.113.9',
  status: 200,
  reason: undefined,
  ...fields,
});

describe('eventOfLine', () => {
  it.each([
    [401, 'token_expired'],
    [403, 'scope_missing'],
    [429, 'rate_limited_user'],
  ] as const)('is a refusal if the gateway answered %d', (status, reason) => {
    expect(eventOfLine(line({ status, reason }), isLogin)).toMatchObject({
      event: 'refused',
      status,
      reason,
      count: 1,
    });
  });

  it('is a failed login if the service of a login answered 401', () => {
    const failed = line({ method: 'POST', route: '/login', status: 401, upstreamStatus: 401 });
    expect(eventOfLine(failed, isLogin)).toMatchObject({ event: 'login_failed', route: '/login' });
  });

  it.each([
    ['a request that passed', line({})],
    ['a 401 of a service that is no login', line({ method: 'GET', route: '/crm', status: 401, upstreamStatus: 401 })],
    ['a login that succeeded', line({ method: 'POST', route: '/login', upstreamStatus: 200 })],
    ['a path that no route takes', line({ status: 404, reason: 'route_not_found' })],
    ['a service that failed', line({ status: 502, reason: 'upstream_reset' })],
  ])('is none for %s', (_what, other) => {
    expect(eventOfLine(other, isLogin)).toBeUndefined();
  });
});
