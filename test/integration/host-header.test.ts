import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { behind, oddHosts } from '../support/odd-requests.ts';
import { rawRequest } from '../support/raw-request.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  front = await startGatewayWithBackend();
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

describe('the Host header', () => {
  it.each(Object.entries(oddHosts))('is refused with 400 and the connection closed: %s', async (_name, lines) => {
    const bytes = rawRequest({ host: null, lines }) + behind;
    const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expectProblem(answer, { status: 400, reason: 'invalid_request' });
    expect(front.backend.requests).toEqual([]);
  });

  it('lets nothing be served that came behind a refused one', async () => {
    const lines = await front.gateway.lines('access');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ path }) => path === '/open/crm/behind')).toEqual([]);
  });

  it.each([
    'a.test',
    'a.test:8080',
    'a.test:65535',
    'A.TEST',
    'a_b.test',
    '10.0.0.1',
    '10.0.0.1:80',
    '[::1]',
    '[2001:db8::1]:443',
  ])('never decides where a request goes: %s', async (host) => {
    const { answers } = await front.exchange(rawRequest({ host }));
    expect(answers[0]?.status).toBe(200);
    const headers = front.backend.requests[0]?.headers ?? {};
    expect(headers.host).toEqual([`127.0.0.1:${front.backend.port}`]);
    expect(headers['x-forwarded-host']).toEqual([host]);
  });

  it('may be missing in HTTP/1.0, which had none', async () => {
    const { answers, isClosed } = await front.exchange(rawRequest({ version: 'HTTP/1.0', host: null }), {
      answers: Number.POSITIVE_INFINITY,
    });
    expect(isClosed).toBe(true);
    expect(answers[0]?.status).toBe(200);
  });
});
