import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { oddTargets } from '../support/odd-requests.ts';
import { rawRequest } from '../support/raw-request.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  front = await startGatewayWithBackend();
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

describe('a request target', () => {
  it.each([
    ['http://gateway.test/open/crm/x', '/x'],
    ['HTTP://gateway.test:8080/open/crm/x?q=1', '/x?q=1'],
    ['https://evil.test/open/crm/x', '/x'],
    ['http://[::1]:80/open/crm/x', '/x'],
  ])('in absolute form goes where its path goes, and its authority nowhere: %s', async (target, url) => {
    const { answers } = await front.exchange(rawRequest({ target }));
    expect(answers[0]?.status).toBe(200);
    expect(front.backend.requests.map((request) => request.url)).toEqual([url]);
    expect(front.backend.rawBytes().join('')).not.toMatch(/evil|http:\/\//i);
  });

  it.each(['http://gateway.test', 'http://gateway.test?q=1'])('without a path is the root: %s', async (target) => {
    const [answer] = (await front.exchange(rawRequest({ target }))).answers;
    expectProblem(answer, { status: 404, reason: 'route_not_found' });
  });

  it.each(oddTargets)('of another form is refused with a logged 400: %j', async (target) => {
    const [answer] = (await front.exchange(rawRequest({ target }))).answers;
    const { requestId } = expectProblem(answer, { status: 400, reason: 'invalid_request' });
    expect(front.backend.requests).toEqual([]);
    const lines = await front.gateway.lines('access');
    expect(lines.find((line) => line.requestId === requestId)).toMatchObject({
      status: 400,
      reason: 'invalid_request',
    });
  });

  it('that can not be parsed at all ends the connection, and what follows it is not served', async () => {
    const bytes = rawRequest({ target: 'http://[bad/' }) + rawRequest({ target: '/open/crm/behind' });
    const { answers, isClosed } = await front.exchange(bytes, { answers: Number.POSITIVE_INFINITY });
    expect(isClosed).toBe(true);
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(front.backend.requests).toEqual([]);
  });

  it('of a request behind such a one is not looked at', async () => {
    const lines = await front.gateway.lines('access');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ path }) => path === '/open/crm/behind')).toEqual([]);
  });

  it('of `OPTIONS *` is a question about the gateway, and answered by it', async () => {
    const { answers } = await front.exchange(rawRequest({ method: 'OPTIONS', target: '*' }));
    expect(answers[0]).toMatchObject({ status: 204, headers: { allow: expect.stringContaining('PATCH') } });
    expect(answers[0]?.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(front.backend.requests).toEqual([]);
  });

  it('keeps its query byte by byte', async () => {
    const query = '?a=b&a=c&&=&d=%2e%2F%zz;e="<>`{}|^\\\'?/../';
    await front.exchange(rawRequest({ target: `/open/crm/x${query}` }));
    expect(front.backend.requests[0]?.url).toBe(`/x${query}`);
  });
});
