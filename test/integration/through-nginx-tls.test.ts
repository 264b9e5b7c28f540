import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { parseAnswer, type RawAnswer, sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';

let front: GatewayWithBackend;

beforeAll(async () => {
  front = await startGatewayWithBackend({ isBehindNginx: true });
});
afterAll(() => front.stop());

function nginx() {
  if (front.nginx === undefined) throw new Error('nginx was not started');
  return front.nginx;
}

/** Shakes hands with exactly this version and returns its name, or why there was no handshake. */
async function handshake(version: SecureVersion, ciphers = 'DEFAULT@SECLEVEL=0'): Promise<string> {
  const { httpsPort: port, ca } = nginx();
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca,
    ciphers,
    minVersion: version,
    maxVersion: version,
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getProtocol() ?? '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  } finally {
    socket.destroy();
  }
}

describe('the secure port', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    expect(await handshake(version)).toBe(version);
  });

  it.each(['TLSv1', 'TLSv1.1'] as const)('refuses %s', async (version) => {
    expect(await handshake(version)).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it.each(['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'AES256-GCM-SHA384'])(
    'refuses a cipher without forward secrecy or authentication: %s',
    async (cipher) => {
      expect(await handshake('TLSv1.2', `${cipher}:@SECLEVEL=0`)).toMatch(/HANDSHAKE_FAILURE/);
    },
  );

  it('speaks HTTP/2, with many requests at once on one connection', async () => {
    const session = connectHttp2(nginx().httpsUrl, { ca: nginx().ca });
    await once(session, 'connect');
    expect(session.alpnProtocol).toBe('h2');
    const statuses = Array.from({ length: 50 }, async () => {
      const stream = session.request({ [constants.HTTP2_HEADER_PATH]: '/open/crm/x' });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      await once(stream, 'close');
      return headers[constants.HTTP2_HEADER_STATUS];
    });
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]));
    session.close();
    await once(session, 'close');
  });

  it('says how to secure the next visit, once', async () => {
    const { rawHeaders } = await call(`${nginx().httpsUrl}/open/crm/x`, { ca: nginx().ca });
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names.filter((name) => name === 'strict-transport-security')).toHaveLength(1);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('does not tell its version', async () => {
    const { headers } = await call(`${nginx().httpsUrl}/open/crm/x`, { ca: nginx().ca });
    expect(headers.server).toBe('nginx');
  });

  it('answers a client that forgot the TLS with a problem', async () => {
    const { text } = await sendRaw(nginx().httpsPort, rawRequest());
    expect(parseAnswer(text)).toMatchObject({ status: 400, headers: { 'x-gateway-reason': 'invalid_request' } });
  });
});

describe('the plain port', () => {
  const ask = async (bytes: string): Promise<RawAnswer> =>
    parseAnswer((await sendRaw(nginx().httpPort, bytes, { until: (text) => text.endsWith('</html>\r\n') })).text);

  it.each(['GET', 'POST'])('sends %s to the secure one, with method, path and query', async (method) => {
    const { status, headers } = await ask(rawRequest({ method, target: '/open/crm/x%20y?a=%2F&b', host: 'psa.test' }));
    expect([status, headers.location]).toEqual([308, 'https://psa.test/open/crm/x%20y?a=%2F&b']);
  });

  it('lets no line break of the request into its answer', async () => {
    const { status, headers } = await ask(rawRequest({ target: '/%0d%0aSet-Cookie:a=b' }));
    expect(status).toBe(308);
    expect(headers).not.toHaveProperty('set-cookie');
  });

  it('serves nothing itself', async () => {
    for (const target of ['/health', '/open/crm/x', '/metrics']) {
      expect((await ask(rawRequest({ target }))).status).toBe(308);
    }
    expect(front.backend.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });
});
