import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type MalformedAnswer, malformedAnswers } from '../support/malformed-answers.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { quickest } from '../support/quickest.ts';
import { type RawUpstream, rawUpstream } from '../support/raw-upstream.ts';

/** How to get to the gateway. */
interface Way {
  readonly url: string;
  readonly options: { readonly ca?: string };
}

let upstream: RawUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await rawUpstream((socket, head) => {
    const index = / \/malformed\/(\d+) /.exec(head)?.[1];
    const answer = index === undefined ? undefined : malformedAnswers[Number(index)];
    if (answer === undefined) return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    socket.write(Buffer.from(answer.bytes, 'latin1'), () => {
      if (answer.ending === 'fin') socket.end();
      if (answer.ending === 'reset') socket.resetAndDestroy();
    });
  });
  gateway = await startGateway({
    upstreams: { crm: { url: `http://127.0.0.1:${upstream.port}`, breaker: { minimumCalls: 100_000 } } },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

/** What the client must see: the gateway's own 502, a broken answer, or (a HEAD has no body to be wrong) a whole one. */
function expectedOf({ isInBody }: MalformedAnswer, method: string): 'refused' | 'cut' | 'whole' {
  if (isInBody !== true) return 'refused';
  return method === 'HEAD' ? 'whole' : 'cut';
}

/** Asks for one of the answers, and asserts that the client sees none of what is wrong with it. */
async function expectFailure(
  { answer, index, method }: { answer: MalformedAnswer; index: number; method: string },
  way: Way,
) {
  const body = method === 'POST' ? { body: 'x=1' } : {};
  const expected = expectedOf(answer, method);
  const tookMs = await quickest(1000, async () => {
    const seen = await call(`${way.url}/open/crm/malformed/${index}`, { method, ...body, ...way.options });
    expectToSee(expected, { seen, method });
  });
  expect(tookMs).toBeLessThan(1000);
  const good = await call(`${way.url}/open/crm/good`, way.options);
  expect(good).toMatchObject({ status: 200, failure: undefined });
}

function expectToSee(expected: 'refused' | 'cut' | 'whole', { seen, method }: { seen: Answer; method: string }): void {
  if (expected === 'whole') expect(seen).toMatchObject({ status: 200, failure: undefined });
  if (expected === 'cut') expect(seen.failure).toBeDefined();
  if (expected === 'refused') {
    expect(seen).toMatchObject({ status: 502, failure: undefined });
    expect(['upstream_protocol_error', 'upstream_reset']).toContain(reasonOf(seen));
    expect(seen.headers).not.toHaveProperty('set-cookie');
    expect(seen.headers).not.toHaveProperty('content-encoding');
    expect(seen.headers).not.toHaveProperty('x-upstream');
    expect(seen.headers['cache-control']).toBe('no-store');
    if (method !== 'HEAD') expect(seen.headers['content-length']).toBe(String(seen.body.length));
  }
}

const cases = malformedAnswers.map((answer, index) => ({ answer, index, name: answer.name }));

describe.each(['GET', 'HEAD', 'POST'])('a malformed answer to %s', (method) => {
  it.each(cases)('is answered as a failure within a second: $name', async ({ answer, index }) => {
    await expectFailure({ answer, index, method }, { url: gateway.url, options: {} });
  });
});

describe('through nginx, a malformed answer to GET, HEAD and POST', () => {
  let nginx: TestNginx;

  beforeAll(async () => {
    nginx = await startNginx({ gatewayPort: gateway.port });
  });
  afterAll(() => nginx.stop());

  it.each(cases)('is answered as a failure within a second: $name', async ({ answer, index }) => {
    const way = { url: nginx.httpsUrl, options: { ca: nginx.ca } };
    for (const method of ['GET', 'HEAD', 'POST']) await expectFailure({ answer, index, method }, way);
  });
});
