import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { parseAnswers, untilAnswers } from '../support/raw-answers.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { type RawUpstream, rawUpstream } from '../support/raw-upstream.ts';

const origin = 'http://app.example.com';
let upstream: RawUpstream;
let gateway: TestGateway;
/** The header lines that the upstream answers with. */
let lines: readonly string[] = [];

beforeAll(async () => {
  upstream = await rawUpstream((socket) => {
    const head = ['HTTP/1.1 200 Fine', ...lines, 'Content-Length: 2'].join('\r\n');
    socket.write(Buffer.from(`${head}\r\n\r\nok`, 'latin1'));
  });
  gateway = await startGateway({ upstreams: { crm: upstream.port }, env: { ALLOWED_ORIGINS: origin } });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

/** The header lines that the client gets when the upstream sends these. */
async function passedOn(sent: readonly string[], requestLines: readonly string[] = []): Promise<string[]> {
  lines = sent;
  const bytes = rawRequest({ lines: requestLines });
  const { text } = await sendRaw(gateway.port, bytes, { until: untilAnswers(1), silenceMs: 5000 });
  expect(parseAnswers(text)[0]).toMatchObject({ status: 200, body: 'ok' });
  return text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').slice(1);
}
const valuesOf = (passed: readonly string[], name: string) =>
  passed.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());

describe('of the headers of an answer', () => {
  it.each([
    ['Server', 'nginx/1.2.3'],
    ['X-Powered-By', 'PHP/5.3'],
    ['Via', '1.1 internal.test'],
    ['Keep-Alive', 'timeout=1234'],
    ['Proxy-Authenticate', 'Basic'],
    ['Proxy-Connection', 'close'],
    ['Trailer', 'X-Late'],
    ['Upgrade', 'h2c'],
    ['X-Gateway-Reason', 'internal_error'],
    ['X-Request-Id', 'request-id-of-the-upstream'],
    ['Access-Control-Allow-Origin', '*'],
    ['Access-Control-Allow-Credentials', 'TRUE'],
    ['Access-Control-Allow-Headers', 'X-Anything'],
    ['Access-Control-Expose-Headers', 'X-Anything'],
    ['Access-Control-Max-Age', '86400'],
    ['access-control-allow-private-network', 'true'],
    ['Content-Security-Policy', 'default-src *'],
    ['Strict-Transport-Security', 'max-age=0'],
    ['X-Frame-Options', 'ALLOWALL'],
  ])('%s is the gateway’s business and does not pass', async (name, value) => {
    for (const requestLines of [[], [`Origin: ${origin}`], ['Origin: https://evil.test']]) {
      const passed = await passedOn([`${name}: ${value}`], requestLines);
      expect(valuesOf(passed, name.toLowerCase())).not.toContain(value);
    }
  });

  it('whatever Connection names does not pass, and the connection stays ours', async () => {
    const passed = await passedOn(['Connection: keep-alive, X-Internal', 'X-Internal: 1', 'X-Other: 2']);
    expect(valuesOf(passed, 'x-internal')).toEqual([]);
    expect(valuesOf(passed, 'x-other')).toEqual(['2']);
    expect(valuesOf(passed, 'connection')).toEqual(['keep-alive']);
  });

  it('five cookies pass byte by byte, in their order', async () => {
    const cookies = [
      'sid=abc; Path=/; HttpOnly; Secure; SameSite=Strict',
      'theme=dark; Domain=.example.com; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
      'empty=',
      'odd="a, b; c"; Max-Age=0',
      'latin=Zo\xeb',
    ];
    const passed = await passedOn(cookies.map((cookie) => `Set-Cookie: ${cookie}`));
    expect(valuesOf(passed, 'set-cookie')).toEqual(cookies);
  });

  it('Vary is merged with ours', async () => {
    const passed = await passedOn(['Vary: Accept-Encoding, Accept-Language']);
    const varied = valuesOf(passed, 'vary').join(', ').split(/, */);
    expect(varied.toSorted()).toEqual(['Accept-Encoding', 'Accept-Language', 'Origin']);
  });

  it('all others pass: forty of them, repeated ones too', async () => {
    const many = Array.from({ length: 40 }, (_, index) => `X-Number-${index}: ${index}`);
    const passed = await passedOn([...many, 'Link: <a>', 'Link: <b>', 'ETag: "x"', 'Cache-Control: no-cache']);
    expect(passed.filter((line) => /^x-number-/i.test(line))).toHaveLength(40);
    expect(valuesOf(passed, 'link').join(', ')).toBe('<a>, <b>');
    expect(valuesOf(passed, 'etag')).toEqual(['"x"']);
    expect(valuesOf(passed, 'cache-control')).toEqual(['no-cache']);
  });
});

describe.each(['Location', 'Content-Location'])('%s', (name) => {
  const passes = async (value: string) => valuesOf(await passedOn([`${name}: ${value}`]), name.toLowerCase());
  const own = () => `127.0.0.1:${upstream.port}`;

  it.each([
    ['http://OWN/companies/1?a=b#c', '/open/crm/companies/1?a=b#c'],
    ['HTTP://OWN/companies/1', '/open/crm/companies/1'],
    ['//OWN/companies/1', '/open/crm/companies/1'],
    ['http://OWN', '/open/crm/'],
    ['http://OWN?a=b', '/open/crm/?a=b'],
    ['http://user@OWN/a', '/open/crm/a'],
  ])('of the service itself becomes the path that the client knows: %s', async (sent, passed) => {
    expect(await passes(sent.replace('OWN', own()))).toEqual([passed]);
  });

  it.each([
    '/login',
    'next',
    '../up',
    '?page=2',
    '#top',
    'https://login.example.com/?to=http://a.test',
    'mailto:a@b.test',
  ])('of anything else stays as it is: %s', async (value) => {
    expect(await passes(value)).toEqual([value]);
  });
});
