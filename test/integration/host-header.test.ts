import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { rawRequest } from '../support/raw-request.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  front = await startGatewayWithBackend();
});
afterAll(() => front.stop());
beforeEach(() => front.backend.reset());

describe('the Host header', () => {
  it.each<[string, string[]]>([
    ['missing', []],
    ['empty', ['Host:']],
    ['twice, different', ['Host: a.test', 'Host: b.test']],
    ['twice, equal', ['Host: a.test', 'Host: a.test']],
    ['twice, in different case', ['HOST: a.test', 'host: b.test']],
    ['a list', ['Host: a.test, b.test']],
    ['with user info', ['Host: user@a.test']],
    ['with a path', ['Host: a.test/path']],
    ['with a path and an at sign', ['Host: a.test/@b?c']],
    ['with a query', ['Host: a.test?q']],
    ['with a fragment', ['Host: a.test#f']],
    ['with a backslash', ['Host: a.test\\b']],
    ['with a scheme', ['Host: http://a.test']],
    ['with a space', ['Host: a.test b']],
    ['with a tab', ['Host: a.test\tb']],
    ['with an encoded character', ['Host: a%2etest']],
    ['with a word for a port', ['Host: a.test:http']],
    ['with an empty port', ['Host: a.test:']],
    ['with two ports', ['Host: a.test:1:2']],
    ['with an open bracket', ['Host: [::1']],
    ['beyond ASCII', ['Host: \xe9.test']],
    ['longer than a name can be', [`Host: ${'a'.repeat(256)}`]],
  ])('is refused with 400 and the connection closed: %s', async (_name, lines) => {
    const bytes = rawRequest({ host: null, lines }) + rawRequest({ target: '/open/crm/behind' });
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

  it.each(['a.test', 'a.test:8080', 'A.TEST', 'a_b.test', '10.0.0.1', '10.0.0.1:80', '[::1]', '[2001:db8::1]:443'])(
    'never decides where a request goes: %s',
    async (host) => {
      const { answers } = await front.exchange(rawRequest({ host }));
      expect(answers[0]?.status).toBe(200);
      const headers = front.backend.requests[0]?.headers ?? {};
      expect(headers.host).toEqual([`127.0.0.1:${front.backend.port}`]);
      expect(headers['x-forwarded-host']).toEqual([host]);
    },
  );

  it('may be missing in HTTP/1.0, which had none', async () => {
    const { answers, isClosed } = await front.exchange(rawRequest({ version: 'HTTP/1.0', host: null }), {
      answers: Number.POSITIVE_INFINITY,
    });
    expect(isClosed).toBe(true);
    expect(answers[0]?.status).toBe(200);
  });
});
