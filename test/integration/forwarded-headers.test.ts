import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { rawRequest } from '../support/raw-request.ts';

let direct: GatewayWithBackend;
let behindProxy: GatewayWithBackend;

beforeAll(async () => {
  // Our own address is no proxy of the first gateway, and one of the second.
  direct = await startGatewayWithBackend({ env: { TRUST_PROXY: '10.0.0.0/8', RATE_LIMIT_MAX_REQUESTS: '40' } });
  behindProxy = await startGatewayWithBackend({ env: { TRUST_PROXY: 'loopback, 10.0.0.0/8' } });
});
afterAll(() => Promise.all([direct.stop(), behindProxy.stop()]));
beforeEach(() => {
  direct.backend.reset();
  behindProxy.backend.reset();
});

async function receivedBy({ exchange, backend }: GatewayWithBackend, lines: string[]) {
  const { answers } = await exchange(rawRequest({ lines }));
  expect(answers[0]?.status).toBe(200);
  return { headers: backend.requests.at(-1)?.headers ?? {}, answer: answers[0]?.headers ?? {} };
}

const spoofed = [
  'X-Forwarded-For: 203.0.113.9',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil.test',
  'X-Forwarded-Port: 1',
  'X-Forwarded-Prefix: /evil',
  'X-Forwarded-User: root',
  'X-Forwarded-Server: evil.test',
  'X_Forwarded_For: 203.0.113.9',
  'X.Forwarded.Host: evil.test',
  'X-Real-IP: 203.0.113.9',
  'X_Real_IP: 203.0.113.9',
  'Forwarded: for=203.0.113.9;host=evil.test;proto=https',
  'X-Request-Id: spoofed-request-id',
];

describe('from a peer that is no trusted proxy', () => {
  it('nothing that it says about the client is believed or passed on', async () => {
    const { headers, answer } = await receivedBy(direct, spoofed);
    expect(headers).toMatchObject({
      'x-forwarded-for': ['127.0.0.1'],
      'x-forwarded-proto': ['http'],
      'x-forwarded-host': ['gateway.test'],
      'x-forwarded-port': ['80'],
      'x-forwarded-prefix': ['/open/crm'],
      'x-request-id': [expect.stringMatching(/^[0-9a-f]{32}$/)],
    });
    expect(answer['x-request-id']).toBe(headers['x-request-id']?.[0]);
    expect(direct.backend.rawBytes().join('')).not.toMatch(/203\.0\.113\.9|evil|root|spoofed/);
  });

  it('a thousand claimed addresses count as one client', async () => {
    const limit = 40;
    const requests = Array.from({ length: 1000 }, (_, index) =>
      rawRequest({ lines: [`X-Forwarded-For: 198.51.${index >> 8}.${index & 255}`] }),
    );
    // So few at a time that a worker takes them even when its event loop comes late.
    const batches = Array.from({ length: 20 }, (_, index) => requests.slice(index * 50, index * 50 + 50).join(''));
    const statuses: number[] = [];
    for (const batch of batches) {
      const { answers } = await direct.exchange(batch, { answers: 50 });
      statuses.push(...answers.map(({ status }) => status));
      const refused = answers.at(-1);
      if (refused !== undefined) expectProblem(refused, { status: 429, reason: 'rate_limited_ip' });
    }
    expect(statuses).toHaveLength(1000);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1000 - limit);
    expect(direct.backend.requests.length).toBeLessThanOrEqual(limit);
  });
});

describe('from a trusted proxy', () => {
  it.each([
    ['the address that it names', '198.51.100.7', '198.51.100.7, 127.0.0.1'],
    ['the last one, because the client wrote those to its left', '1.2.3.4, 198.51.100.7', '198.51.100.7, 127.0.0.1'],
    ['the last one that is no proxy', '1.2.3.4, 198.51.100.7, 10.1.2.3', '198.51.100.7, 10.1.2.3, 127.0.0.1'],
    ['the first, if all are proxies', '10.0.0.1, 10.1.2.3', '10.0.0.1, 10.1.2.3, 127.0.0.1'],
    ['an IPv6 address in its short form', '2001:DB8:0:0::7', '2001:db8::7, 127.0.0.1'],
    ['a mapped IPv4 address in its dotted form', '::ffff:198.51.100.7', '198.51.100.7, 127.0.0.1'],
    ['nobody, if what it names is no address', 'unknown', '127.0.0.1'],
    ['nobody, if it is a script', '<script>', '127.0.0.1'],
    ['nobody, if it is empty', ' , ', '127.0.0.1'],
  ])('the client is %s', async (_name, sent, passed) => {
    const { headers } = await receivedBy(behindProxy, [`X-Forwarded-For: ${sent}`]);
    expect(headers['x-forwarded-for']).toEqual([passed]);
  });

  it('the address stands in the access log', async () => {
    const { answer } = await receivedBy(behindProxy, ['X-Forwarded-For: 1.2.3.4, 198.51.100.77']);
    const lines = await behindProxy.gateway.lines('access');
    const line = lines.find(({ requestId }) => requestId === answer['x-request-id']);
    expect(line).toMatchObject({ client: '198.51.100.77' });
  });

  it.each([
    ['as they are', ['Proto: https', 'Host: psa.test', 'Port: 8443'], ['https', 'psa.test', '8443']],
    ['with the port of the protocol', ['Proto: https', 'Host: psa.test'], ['https', 'psa.test', '443']],
    ['with the port of the host', ['Host: psa.test:8080'], ['http', 'psa.test:8080', '8080']],
    ['only the last of each', ['Proto: http, https', 'Host: evil.test, psa.test'], ['https', 'psa.test', '443']],
    ['not if they are nonsense', ['Proto: javascript', 'Host: a/b?c', 'Port: ssh'], ['http', 'gateway.test', '80']],
    ['not with a port that there is not', ['Host: psa.test', 'Port: 65536'], ['http', 'psa.test', '80']],
  ])('protocol, host and port are kept: %s', async (_name, sent, [proto, host, port]) => {
    const { headers } = await receivedBy(
      behindProxy,
      sent.map((line) => `X-Forwarded-${line}`),
    );
    expect(headers).toMatchObject({
      'x-forwarded-proto': [proto],
      'x-forwarded-host': [host],
      'x-forwarded-port': [port],
    });
  });

  it('the prefix is still ours to say, and other notations of the client still go', async () => {
    const lines = [
      'X-Forwarded-Prefix: /evil',
      'X-Real-IP: 203.0.113.9',
      'Forwarded: for=203.0.113.9',
      'X_Forwarded_For: 203.0.113.9',
    ];
    const { headers } = await receivedBy(behindProxy, lines);
    expect(headers['x-forwarded-prefix']).toEqual(['/open/crm']);
    expect(behindProxy.backend.rawBytes().join('')).not.toMatch(/203\.0\.113\.9|evil/);
  });

  it.each(['abcdefgh', 'a.b-c_D9', 'x'.repeat(128)])('a well-formed request id is kept: %s', async (id) => {
    const { headers, answer } = await receivedBy(behindProxy, [`X-Request-Id: ${id}`]);
    expect([headers['x-request-id'], answer['x-request-id']]).toEqual([[id], id]);
  });

  it.each(['short', 'x'.repeat(129), 'has space', 'has,comma', 'has"quote', '${jndi:x}', 'caf\xe9-caf\xe9', ''])(
    'another is replaced: %j',
    async (id) => {
      const { headers, answer } = await receivedBy(behindProxy, [`X-Request-Id: ${id}`]);
      expect(answer['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
      expect(headers['x-request-id']).toEqual([answer['x-request-id']]);
    },
  );

  it('two request ids are none', async () => {
    const { answer } = await receivedBy(behindProxy, [
      'X-Request-Id: first-request-id',
      'X-Request-Id: other-request-id',
    ]);
    expect(answer['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the trace of a request', () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

  it('goes on with a parent of our own', async () => {
    const { headers } = await receivedBy(behindProxy, [`traceparent: 00-${traceId}-00f067aa0ba902b7-01`]);
    expect(headers.traceparent).toEqual([expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))]);
    expect(headers.traceparent?.[0]).not.toContain('00f067aa0ba902b7');
  });
});
