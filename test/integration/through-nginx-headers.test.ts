import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { bearer, tokenFor } from '../support/gateway.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from '../support/gateway-with-backend.ts';
import { type Edit, startNginx, type TestNginx } from '../support/nginx.ts';
import { untilAnswers } from '../support/raw-answers.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

let front: GatewayWithBackend;
/** Stands where the gateway would, so that it shows what nginx sends. */
let listener: RecordingBackend;
let nginx: TestNginx;

beforeAll(async () => {
  front = await startGatewayWithBackend({ isBehindNginx: true });
  listener = await startRecordingBackend();
  nginx = await startNginx({ gatewayPort: listener.port });
});
afterAll(async () => {
  await nginx.stop();
  await listener.stop();
  await front.stop();
});
beforeEach(() => {
  listener.reset();
  front.backend.reset();
});

/** What a gateway gets for this request. */
async function passedOn(bytes: string) {
  await sendRaw(nginx.httpsPort, bytes, { until: untilAnswers(1), silenceMs: 5000, ca: nginx.ca });
  return listener.requests.at(-1)?.headers ?? {};
}

/** What a service gets for this request. */
async function served(bytes: string) {
  const { answers } = await front.exchange(bytes);
  expect(answers[0]?.status).toBe(200);
  return { headers: front.backend.requests.at(-1)?.headers ?? {}, answer: answers[0]?.headers ?? {} };
}

const forged = [
  'X-Forwarded-For: 203.0.113.9',
  'X-Forwarded-For: 203.0.113.10',
  'X-Forwarded-Proto: forged',
  'X-Forwarded-Host: forged.test',
  'X-Forwarded-Port: 1',
  'X-Request-Id: forged-request-id',
  'Forwarded: for=203.0.113.9;host=forged.test',
  'X-Real-IP: 203.0.113.9',
  'X-Forwarded-Prefix: /forged',
  'X-Forwarded-Server: forged.test',
  'X-Forwarded-User: forged',
  'X-Original-URL: /forged',
  'X-Rewrite-URL: /forged',
  'Proxy: forged.test',
  'X-User-Id: forged',
  'X-User-Email: forged',
  'X-User-Roles: forged',
  'X-Tenant-Id: forged',
  'X_Forwarded_For: forged',
  'X_User_Id: forged',
  'X.User.Id: forged',
  'Proxy-Authorization: forged',
  'HTTP2-Settings: forged',
  'TE: forged',
  'Trailer: forged',
  'Keep-Alive: forged=1',
  'Upgrade: forged',
  'Connection: upgrade, X-Forwarded-For, X-Request-Id',
];

describe('what a client says that is not its to say', () => {
  it.each(forged)('ends at nginx: %s', async (line) => {
    await passedOn(rawRequest({ method: 'POST', lines: [line], body: 'abc' }));
    expect(listener.requests).toHaveLength(1);
    expect(listener.rawBytes().join('')).not.toMatch(/forged|203\.0\.113/);
  });

  it('is replaced by what nginx knows', async () => {
    const headers = await passedOn(rawRequest({ lines: forged, host: 'PSA.test:8443' }));
    expect(headers).toMatchObject({
      host: ['psa.test'],
      'x-forwarded-for': ['127.0.0.1'],
      'x-forwarded-proto': ['https'],
      'x-forwarded-host': ['psa.test'],
      'x-forwarded-port': [String(nginx.httpsPort)],
      'x-request-id': [expect.stringMatching(/^[0-9a-f]{32}$/)],
    });
    expect(headers).not.toHaveProperty('connection');
    expect(headers).not.toHaveProperty('upgrade');
  });

  it('counts for nothing at the services, with or without a token', async () => {
    const expected = {
      'x-forwarded-for': ['127.0.0.1, 127.0.0.1'],
      'x-forwarded-proto': ['https'],
      'x-forwarded-host': ['psa.test'],
      'x-forwarded-prefix': ['/open/crm'],
    };
    const { headers } = await served(rawRequest({ lines: forged, host: 'psa.test' }));
    expect(headers).toMatchObject(expected);
    expect(headers).not.toHaveProperty('x-user-id');
    const token = `Authorization: ${bearer(tokenFor({ sub: 'user-7' })).authorization}`;
    const known = await served(rawRequest({ target: '/api/crm/x', lines: [...forged, token], host: 'psa.test' }));
    expect(known.headers).toMatchObject({ ...expected, 'x-forwarded-prefix': ['/api/crm'], 'x-user-id': ['user-7'] });
    expect(front.backend.rawBytes().join('')).not.toMatch(/forged|203\.0\.113/);
  });

  it('is the host of a whole URL, which comes before Host', async () => {
    const { headers } = await served(rawRequest({ target: 'https://psa.test/open/crm/x', host: 'other.test' }));
    expect(headers).toMatchObject({ 'x-forwarded-host': ['psa.test'] });
  });
});

describe('a request', () => {
  it('has one id in the answer, at the service and in both access logs', async () => {
    const { headers, answer } = await served(rawRequest({ lines: ['X-Request-Id: forged-request-id'] }));
    const requestId = answer['x-request-id'];
    expect(headers['x-request-id']).toEqual([requestId]);
    const ofGateway = await front.gateway.lines('access');
    const ofNginx = await front.nginx?.accessLines();
    expect(ofGateway.filter((line) => line.requestId === requestId)).toHaveLength(1);
    expect(ofNginx?.filter((line) => line.requestId === requestId)).toMatchObject([
      { client: '127.0.0.1', method: 'GET', path: '/open/crm/x', status: 200, upstreamStatus: '200' },
    ]);
  });

  it('leaves no query in the logs of nginx, also when it fails', async () => {
    await passedOn(rawRequest({ target: '/x?access_token=top-secret' }));
    await listener.stop();
    await passedOn(
      rawRequest({ target: '/x?access_token=top-secret', lines: ['Referer: https://a.test/?t=top-secret'] }),
    );
    const lines = await nginx.accessLines();
    expect(lines.slice(-2)).toMatchObject([{ path: '/x' }, { path: '/x', reason: 'upstream_connect_failed' }]);
    expect(await nginx.logs()).not.toContain('top-secret');
    listener = await startRecordingBackend();
  });

  it('leaves a line of ASCII and of bounded length, whatever it says', async () => {
    const agent = `User-Agent: "\\\x07\xff${'a'.repeat(5000)}`;
    await passedOn(rawRequest({ target: `/"\\\xff${'a'.repeat(5000)}`, lines: [agent] }));
    await passedOn(rawRequest({ target: `/${'a'.repeat(5000)}`, lines: [agent] }));
    const longest = Math.max(...(await nginx.logs()).split('\n').map((line) => line.length));
    expect(longest).toBeLessThan(3500);
    expect(await nginx.logs()).toMatch(/^[\n -~]*$/);
    expect((await nginx.accessLines()).length).toBeGreaterThan(1);
  });
});

describe('what is shown through nginx', () => {
  const statusOf = async ({ httpsUrl, ca }: TestNginx, path: string) =>
    (await call(`${httpsUrl}${path}`, { ca, headers: { 'x-forwarded-for': '127.0.0.1' } })).status;

  it('is the health to everybody, its details to this machine only, and metrics to nobody', async () => {
    const gatewayPort = front.gateway.port;
    const local = await startNginx({ gatewayPort });
    // An nginx that is asked by a stranger, whatever the stranger says of itself.
    const peer: Edit = ['snippets/psa-proxy.conf', 'X-Forwarded-For   $remote_addr', 'X-Forwarded-For   203.0.113.7'];
    const remote = await startNginx({ gatewayPort, edits: [peer] });
    for (const path of ['/health', '/health/live', '/health/ready']) {
      expect([await statusOf(local, path), await statusOf(remote, path)]).toEqual([200, 200]);
    }
    expect(await statusOf(local, '/health/detailed')).toBe(200);
    expect(await statusOf(remote, '/health/detailed')).toBe(404);
    expect([await statusOf(local, '/metrics'), await statusOf(remote, '/metrics')]).toEqual([404, 404]);
    await local.stop();
    await remote.stop();
  });
});
