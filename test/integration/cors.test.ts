import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { rawRequest } from '../support/raw-request.ts';

const allowed = ['https://app.example.com', 'http://localhost:5173'];
let front: GatewayWithBackend;

beforeAll(async () => {
  const reflect = (req: { headers: { origin?: string | undefined } }) => req.headers.origin ?? '*';
  front = await startGatewayWithBackend({
    env: { ALLOWED_ORIGINS: allowed.join(',') },
    // A service that would let every page in.
    answer: (req, res) => {
      res.setHeader('access-control-allow-origin', reflect(req));
      res.setHeader('access-control-allow-credentials', 'true');
      res.end('{"ok":true}');
    },
  });
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

const preflight = (origin: string, target = '/api/crm/x') =>
  rawRequest({
    method: 'OPTIONS',
    target,
    lines: [
      `Origin: ${origin}`,
      'Access-Control-Request-Method: DELETE',
      'Access-Control-Request-Headers: authorization, content-type',
    ],
  });
const firstAnswer = async (bytes: string) => (await front.exchange(bytes)).answers[0];

describe('a page of an allowed origin', () => {
  it.each(allowed)('may call, with credentials, and read why it was refused: %s', async (origin) => {
    for (const target of ['/open/crm/x', '/api/crm/x', '/none']) {
      const answer = await firstAnswer(rawRequest({ target, lines: [`Origin: ${origin}`] }));
      expect(answer?.headers['access-control-allow-origin']).toBe(origin);
      expect(answer?.headers['access-control-allow-credentials']).toBe('true');
      expect(answer?.headers['access-control-expose-headers']).toContain('X-Gateway-Reason');
      expect(answer?.headers.vary).toContain('Origin');
    }
  });

  it.each(allowed)('gets its preflight answered without a token, and without a call: %s', async (origin) => {
    const answer = await firstAnswer(preflight(origin));
    expect(answer).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'GET,HEAD,POST,PUT,PATCH,DELETE',
        'access-control-allow-headers': 'authorization, content-type',
        'access-control-max-age': '600',
      },
    });
    expect(answer?.headers.vary).toContain('Origin');
    expect(front.backend.requests).toEqual([]);
  });

  it('is still asked for a token by the call itself, an OPTIONS that is no preflight included', async () => {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await firstAnswer(rawRequest({ method, target: '/api/crm/x', lines: [`Origin: ${allowed[0]}`] }));
      expectProblem(answer, { status: 401, reason: 'auth_missing' });
    }
  });
});

describe('a page of another origin', () => {
  const others = [
    'null',
    '*',
    '',
    'https://evil.test',
    'https://evil-app.example.com',
    'https://app.example.com.evil.test',
    'https://app.example.com@evil.test',
    'https://evil.test#https://app.example.com',
    'https://evil.test/https://app.example.com',
    'https://sub.app.example.com',
    'https://example.com',
    'https://appxexample.com',
    'https://app.example.com:443',
    'https://app.example.com:8443',
    'https://app.example.com/',
    'https://app.example.com.',
    'http://app.example.com',
    'HTTPS://APP.EXAMPLE.COM',
    'https://App.example.com',
    'app.example.com',
    '//app.example.com',
    'file://',
    'chrome-extension://abcdef',
    'http://localhost',
    'http://localhost:51730',
    'http://127.0.0.1:5173',
    'https://app.example.com, https://evil.test',
    'https://app.example.com https://evil.test',
  ];

  it.each(others)('is told of no right to read, also where the service would give it: %j', async (origin) => {
    for (const bytes of [
      rawRequest({ lines: [`Origin: ${origin}`] }),
      rawRequest({ target: '/api/crm/x', lines: [`Origin: ${origin}`] }),
      preflight(origin),
      preflight(origin, '/open/crm/x'),
    ]) {
      const answer = await firstAnswer(bytes);
      expect(Object.keys(answer?.headers ?? {}).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      // The answer would differ for an allowed origin, and a cache must know that.
      expect(answer?.headers.vary).toContain('Origin');
    }
    expect(front.backend.requests.filter(({ method }) => method === 'OPTIONS')).toEqual([]);
  });

  it('is not let in by a second Origin header', async () => {
    const answer = await firstAnswer(rawRequest({ lines: [`Origin: ${allowed[0]}`, 'Origin: https://evil.test'] }));
    expect(answer?.headers).not.toHaveProperty('access-control-allow-origin');
  });
});
