import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { type RawUpstream, rawUpstream } from '../support/raw-upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const hint = (...lines: readonly string[]) => `HTTP/1.1 103 Early Hints\r\n${lines.join('\r\n')}\r\n\r\n`;

let upstream: RawUpstream;
let gateway: TestGateway;
let nginx: TestNginx | undefined;

afterEach(async () => {
  await nginx?.stop();
  nginx = undefined;
  await gateway.stop();
  await upstream.stop();
});

/** Everything that a client gets when the service answers these bytes. */
async function received(answer: string, request: Parameters<typeof rawRequest>[0] = {}): Promise<string> {
  upstream = await rawUpstream((socket) => void socket.write(answer));
  gateway = await startGateway({ upstreams: { crm: upstream.port } });
  const isOver = (text: string) => text.endsWith('ok') || text.includes('requestId');
  return (await sendRaw(gateway.port, rawRequest(request), { until: isOver, silenceMs: 5000 })).text;
}

describe('an early hint', () => {
  it('passes before the answer, with its links and nothing else', async () => {
    const link = '</style.css>; rel=preload; as=style, </a b.js>; rel="preload"; title="a, b"';
    const text = await received(hint(`Link: ${link}`, 'X-User-Id: root', 'Set-Cookie: a=b', 'Connection: X-A') + OK);
    expect(text.split(OK.slice(0, 12))[0]).toBe(`HTTP/1.1 103 Early Hints\r\nlink: ${link}\r\n\r\n`);
    expect(text.endsWith('ok')).toBe(true);
  });

  it('passes each time, and each link of it', async () => {
    const text = await received(hint('Link: </1>', 'Link: </2>') + hint('Link: </3>') + OK);
    expect(text.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 103', 'HTTP/1.1 103', 'HTTP/1.1 200']);
    expect(text.match(/<\/\d>/g)).toEqual(['</1>', '</2>', '</3>']);
  });

  it('without a link goes no further', async () => {
    expect(await received(hint('X-Early: 1') + OK)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('goes no further to a client of HTTP/1.0, which knows none', async () => {
    expect(await received(hint('Link: </a>') + OK, { version: 'HTTP/1.0' })).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each(['X-Forwarded-For: 192.0.2.1', 'Via: 1.1 proxy', 'Forwarded: for=192.0.2.1'])(
    'goes no further to a proxy in front, which may take it for the answer (%s)',
    async (line) => {
      expect(await received(hint('Link: </a>') + OK, { lines: [line] })).toMatch(/^HTTP\/1\.1 200 /);
    },
  );

  it('leaves an answer through nginx whole', async () => {
    await received(hint('Link: </a>') + OK);
    nginx = await startNginx({ gatewayPort: gateway.port });
    const answer = await call(`${nginx.httpsUrl}/open/crm/x`, { ca: nginx.ca });
    expect(answer).toMatchObject({ status: 200, failure: undefined });
    expect(answer.body.toString()).toBe('ok');
    expect((await nginx.accessLines()).at(-1)).toMatchObject({ status: 200, upstreamStatus: '200' });
  });
});

describe('interim answers', () => {
  it('of other kinds go no further', async () => {
    const text = await received(`HTTP/1.1 102 Processing\r\nLink: </a>\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n${OK}`);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are no answer: what comes behind a hundred of them still is one', async () => {
    expect(await received(hint('X-Early: 1').repeat(100) + OK)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('without end are answered with 502 upstream_protocol_error, and count against the service', async () => {
    const text = await received(hint('X-Early: 1').repeat(101) + OK);
    expect(text).toMatch(/^HTTP\/1\.1 502 /);
    expect(text).toContain('"upstream_protocol_error"');
    expect((await breakerOf(gateway)).failures).toBe(1);
  });
});
