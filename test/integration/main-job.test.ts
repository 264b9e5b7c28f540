import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';

let redis: TestRedis;
let crm: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  gateway = await startGateway({ upstreams: { crm: crm.port }, redisPort: redis.port });
});

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await redis.stop();
});

describe('the main job', () => {
  it('forwards a request with a valid token, without the prefix, and with the identity of the caller', async () => {
    const response = await fetch(`${gateway.url}/api/crm/companies?q=a%20b&page=2`, { headers: bearer() });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ ok: true });
    const request = crm.requests.at(-1);
    expect(request?.url).toBe('/companies?q=a%20b&page=2');
    expect(request?.headers).toMatchObject({
      'x-user-id': ['user-1'],
      'x-user-email': ['user-1@example.com'],
      'x-user-roles': ['agent'],
      'x-tenant-id': ['tenant-1'],
      'x-forwarded-prefix': ['/api/crm'],
      'x-forwarded-for': ['127.0.0.1'],
      'x-forwarded-proto': ['http'],
      'x-forwarded-host': [`127.0.0.1:${gateway.port}`],
      'x-forwarded-port': [String(gateway.port)],
      'x-request-id': [response.headers.get('x-request-id')],
    });
    expect(request?.headers.traceparent?.[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  it('answers 401 with the reason in body, header and access log when there is no token', async () => {
    const response = await fetch(`${gateway.url}/api/crm/companies`);
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-gateway-reason')).toBe('auth_missing');
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="/);
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ status: 401, reason: 'auth_missing', instance: '/api/crm/companies' });
    const line = (await gateway.lines('access')).find(({ requestId }) => requestId === problem.requestId);
    expect(line).toMatchObject({ status: 401, reason: 'auth_missing', route: '/api/crm/*', method: 'GET' });
  });

  it('carries a body there and back byte by byte', async () => {
    const body = JSON.stringify({ name: 'Zoë & Søn', note: 'x'.repeat(100_000) });
    const headers = { ...bearer(), 'content-type': 'application/json' };
    const response = await fetch(`${gateway.url}/api/crm/companies`, { method: 'POST', body, headers });
    expect(response.status).toBe(200);
    expect(crm.requests.at(-1)?.body).toBe(body);
  });

  it('counts the user and not the address when the token is valid', async () => {
    const response = await fetch(`${gateway.url}/api/crm/x`, { headers: bearer(tokenFor({ sub: 'counted-user' })) });
    expect(response.headers.get('ratelimit-policy')).toMatch(/^"user"; q=1000000; w=900/);
    expect(response.headers.get('ratelimit')).toBe('"user"; r=999999; t=900');
  });
});
