import { once } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer, startGateway, type TestGateway } from '../support/gateway.ts';
import { type HoldingUpstream, holdingUpstream } from '../support/holding-upstream.ts';
import { metricsOf, total } from '../support/metrics-of.ts';
import { quickest } from '../support/quickest.ts';
import { parseAnswer, sendRaw } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

/** What is refused waits for nothing. */
const AT_ONCE_MS = 50;

let crm: HoldingUpstream;
let gateway: TestGateway;

async function start(server: Record<string, unknown>): Promise<void> {
  crm = await holdingUpstream();
  gateway = await startGateway({ upstreams: { crm: crm.port }, server });
}

afterEach(async () => {
  crm.open();
  await gateway.stop();
  await crm.stop();
});

const ask = (path = '/open/crm/x', options = {}) => call(`${gateway.url}${path}`, options);

/** Keeps the worker at work on so many requests. */
async function occupy(count: number): Promise<{ readonly answers: Promise<Answer>[] }> {
  const answers = Array.from({ length: count }, () => ask());
  await until('the upstream to hold them', () => crm.heldCount() === count);
  return { answers };
}

/** How many requests the worker is working on, as its metrics tell. */
const underWay = async () => total(await metricsOf(gateway.adminUrl), 'gateway_worker_requests');

describe('a worker that has as many requests as it takes', () => {
  it('refuses the next at once, whatever it asks for, and takes one again when there is room', async () => {
    await start({ maxRequests: 3 });
    const { answers } = await occupy(3);
    for (const path of ['/open/crm/x', '/api/crm/x', '/nowhere', '/api-docs', '/health/../open/crm/x']) {
      const tookMs = await quickest(AT_ONCE_MS, async () => {
        expect({ path, reason: reasonOf(await ask(path)) }).toEqual({ path, reason: 'overloaded' });
      });
      expect(tookMs).toBeLessThan(AT_ONCE_MS);
    }
    expect(crm.requestCount()).toBe(3);
    crm.open();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await ask()).status).toBe(200);
  });

  it('refuses with a problem that has all that other refusals have', async () => {
    await start({ maxRequests: 1 });
    await occupy(1);
    const bytes = 'GET /open/crm/"x"?token=eyJhbGciOi HTTP/1.1\r\nHost: a\r\n\r\n';
    const answer = parseAnswer((await sendRaw(gateway.port, bytes, { until: (text) => text.includes('}') })).text);
    const problem = expectProblem(answer, { status: 503, reason: 'overloaded' });
    expect(problem).toMatchObject({ instance: '/open/crm/"x"', retryAfter: 1 });
    expect(answer.headers).toMatchObject({ 'retry-after': '1', 'x-content-type-options': 'nosniff' });
    expect(answer.headers['strict-transport-security']).toBeDefined();
    expect(answer.headers.connection).toBe('keep-alive');
  });

  it('goes on answering who asks for its health or its metrics', async () => {
    await start({ maxRequests: 1 });
    await occupy(1);
    for (const path of ['/health', '/health/live', '/health/ready?x', '/health/detailed']) {
      expect({ path, status: (await ask(path)).status }).toEqual({ path, status: 200 });
    }
    const samples = await metricsOf(gateway.adminUrl);
    expect(total(samples, 'gateway_worker_requests')).toBe(1);
    expect(total(samples, 'gateway_worker_requests_limit')).toBe(1);
    expect(reasonOf(await ask('/healthy'))).toBe('overloaded');
  });

  it('puts every refusal on record, with the client that a proxy names and without secrets', async () => {
    await start({ maxRequests: 1 });
    await occupy(1);
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    const { headers: answered } = await ask('/open/crm/x?token=secret', { headers, method: 'DELETE' });
    await ask();
    const lines = (await gateway.lines('access')).filter(({ reason }) => reason === 'overloaded');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({
      requestId: answered['x-request-id'],
      client: '198.51.100.7',
      method: 'DELETE',
      path: '/open/crm/x?token=***',
      status: 503,
    });
    const samples = await metricsOf(gateway.adminUrl);
    expect(total(samples, 'gateway_rejections_total', 'reason="overloaded"')).toBe(2);
    expect(total(samples, 'gateway_http_requests_total', 'status="503"')).toBe(2);
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0, successes: 0 });
  });

  it('lets a client that is still sending its body read the refusal', async () => {
    await start({ maxRequests: 1 });
    await occupy(1);
    for (let n = 0; n < 5; n++) {
      const answer = await ask('/api/crm/x', {
        method: 'POST',
        body: Buffer.alloc(4 * 1024 * 1024),
        headers: bearer(),
      });
      expect([answer.status, reasonOf(answer)]).toEqual([503, 'overloaded']);
    }
  });

  it('invites no body from a client that waits to be asked for it', async () => {
    await start({ maxRequests: 1 });
    await occupy(1);
    const bytes = 'POST /open/crm/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n';
    const { text } = await sendRaw(gateway.port, bytes, { until: (received) => received.includes('}') });
    expect(text).toMatch(/^HTTP\/1\.1 503 /);
  });
});

describe('what a worker is working on', () => {
  it('is no request whose answer has begun', async () => {
    await start({ maxRequests: 1 });
    const stream = get(`${gateway.url}/open/crm/stream`);
    await once(stream, 'response');
    crm.open();
    expect((await ask()).status).toBe(200);
    stream.destroy();
  });

  it('is no request that waits for its client', async () => {
    await start({ maxRequests: 1 });
    const slow = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    slow.write('POST /open/crm/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');
    crm.open();
    await until('an answer', async () => (await ask()).status === 200);
    expect(await underWay()).toBe(0);
    slow.destroy();
  });

  it('is no request that has been refused, or whose client has left, alone or one behind the other', async () => {
    await start({ maxRequests: 10 });
    const request = 'GET /open/crm/x HTTP/1.1\r\nHost: a\r\n\r\n';
    const leaving = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    leaving.write(request.repeat(3));
    await until('all to be held', () => crm.heldCount() === 3);
    expect(await underWay()).toBe(3);
    leaving.resetAndDestroy();
    for (const path of ['/nowhere', '/api/crm/x', '/health', '/open/crm/%00']) await ask(path);
    await until('none to be under way', async () => (await underWay()) === 0);
  });
});

describe('a worker whose event loop comes late', () => {
  it('takes fewer requests at a time, and all of them again once there is time', async () => {
    await start({ maxRequests: 2000, maxLagMs: 50 });
    await occupy(120);
    const limit = async () => total(await metricsOf(gateway.adminUrl), 'gateway_worker_requests_limit');
    expect(await limit()).toBe(2000);
    let rounds = 0;
    const block = () => {
      const end = performance.now() + 150;
      while (performance.now() < end);
      if (++rounds < 8) setImmediate(block);
    };
    block();
    await until('all rounds', () => rounds === 8);
    expect(reasonOf(await ask())).toBe('overloaded');
    crm.open();
    await until('the whole limit', async () => (await limit()) === 2000);
    expect((await ask()).status).toBe(200);
  });
});
