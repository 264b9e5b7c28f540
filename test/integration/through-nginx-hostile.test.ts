import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inner } from '../support/ambiguous-requests.ts';
import type { GatewayWithBackend } from '../support/gateway-with-backend.ts';
import { oddExpectations, oddHosts, oddTargets, otherMethods, unknownMethods } from '../support/odd-requests.ts';
import { chunked, rawRequest } from '../support/raw-request.ts';
import { type Suspicion, startFuzzedGateway, suspect } from '../support/request-fuzz.ts';

let front: GatewayWithBackend;
let suspicion: Suspicion;

beforeAll(async () => {
  front = await startFuzzedGateway({ isBehindNginx: true });
  suspicion = suspect(front);
});
afterAll(() => front.stop());

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];
const next = rawRequest({ target: '/open/crm/next' });

const withManyFields = methods.flatMap((method) =>
  [90, 98, 101, 999, 1001, 2100].flatMap((count) => {
    const fields = Array.from({ length: count }, () => 'a:');
    const length = `Content-Length: ${inner.length}`;
    return [
      rawRequest({ method, lines: [...fields, length] }) + inner,
      rawRequest({ method, lines: [length, ...fields] }) + inner,
      rawRequest({ method, lines: [...fields, 'Transfer-Encoding: chunked'] }) + chunked(inner),
    ];
  }),
);

/** Each with another request behind it, so that a body of unsure length would show. */
const corpus: Record<string, string[]> = {
  'an odd Host': Object.values(oddHosts).map((lines) => rawRequest({ host: null, lines })),
  'an odd target': oddTargets.map((target) => rawRequest({ target })),
  'another method': [...otherMethods, ...unknownMethods].map((method) => rawRequest({ method, body: inner })),
  'an expectation': ['100-continue', ...oddExpectations].flatMap((expectation) =>
    [false, true].map((isChunked) =>
      rawRequest({ method: 'POST', lines: [`Expect: ${expectation}`], body: inner, isChunked }),
    ),
  ),
  'many header fields': withManyFields,
  'another protocol': ['websocket', 'h2c', 'TLS/1.0'].map((protocol) =>
    rawRequest({ method: 'POST', lines: ['Connection: Upgrade', `Upgrade: ${protocol}`], body: inner }),
  ),
};

describe('through nginx, a request with', () => {
  it.each(Object.keys(corpus))(
    '%s becomes one request to the service at most, in the form that was checked',
    async (name) => {
      const texts = corpus[name] ?? [];
      expect(await suspicion.culpritsAmong(texts.map((text) => text + next))).toEqual([]);
    },
  );
});

describe('through nginx, requests that arrive before earlier ones are answered', () => {
  it('are answered in order, 50 on one connection, refusals and bodies that look like requests among them', async () => {
    const kinds = [
      { status: 200, request: { method: 'POST', body: inner, isChunked: true } },
      { status: 401, request: { target: '/api/crm/companies' } },
      { status: 404, request: { target: '/none' } },
      { status: 200, request: { method: 'PUT', body: inner } },
      { status: 405, request: { method: 'PURGE' } },
    ];
    const requests = Array.from({ length: 10 }, () => kinds).flat();
    const bytes = requests.map(({ request }) => rawRequest(request)).join('');
    const before = front.backend.requests.length;
    const { answers } = await front.exchange(bytes, { answers: requests.length });
    expect(answers.map(({ status }) => status)).toEqual(requests.map(({ status }) => status));
    const served = front.backend.requests.slice(before);
    expect(served.map(({ method, body }) => [method, body])).toEqual(
      Array.from({ length: 10 }, () => [
        ['POST', inner],
        ['PUT', inner],
      ]).flat(),
    );
  });
});
