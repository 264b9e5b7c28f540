import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tokenFor } from '../support/gateway.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { rawUpstream } from '../support/raw-upstream.ts';
import { startRecordingBackend } from '../support/recording-backend.ts';

const SECRET = 'S3CRET0f4Test';

const heads: [string, string][] = [
  ['Authorization', rawRequest({ target: '/api/crm/x', lines: [`Authorization: Bearer ${SECRET}`] })],
  ['Basic credentials', rawRequest({ target: '/api/crm/x', lines: [`Authorization: Basic ${SECRET}`] })],
  ['Cookie', rawRequest({ lines: [`Cookie: sid=${SECRET}`] })],
  ['an API key', rawRequest({ lines: [`X-Api-Key: ${SECRET}`] })],
  ['Referer', rawRequest({ lines: [`Referer: https://a.example/?token=${SECRET}`] })],
  ['an id that no proxy may have set', rawRequest({ lines: [`X-Request-Id: ${SECRET} ${SECRET}`] })],
  ['a head that is too long', rawRequest({ lines: [`Cookie: ${SECRET}${'x'.repeat(20_000)}`] })],
  ['a head that is no HTTP', `GET /?token=${SECRET} HTTP/1.1\r\nCookie ${SECRET}\r\n\r\n`],
  ['a first line that is no HTTP', `GE T /?token=${SECRET}\r\n\r\n`],
  ['a body', rawRequest({ method: 'POST', body: `password=${SECRET}` })],
  ['a body that is no HTTP', `${rawRequest({ method: 'POST', lines: ['Transfer-Encoding: chunked'] })}${SECRET}\r\n`],
  ['a failing service that repeats it', rawRequest({ target: `/open/broken/x?token=${SECRET}` })],
];

const targets = [
  ...['token', 'TOKEN', '%74oken', '%2574oken', 'access_token', 'user[password]', 'user%5Bpasswd%5D', 'api_key'],
  ...['apikey', 'client_secret', 'code', 'sig', 'X-Amz-Signature', 'PHPSESSID', 'jwt', 'otp', 'pwd', 'auth'],
].map((name) => `/open/crm/x?a=b&${name}=${SECRET}&c=d`);

const oddTargets = [
  `/open/crm/x?a=b;token=${SECRET};c=d`,
  `/open/crm/x?token%3D${SECRET}`,
  `/open/crm/x?next=https%3A%2F%2Fa%2F%3Ftoken%3D${SECRET}`,
  `/open/crm/x?q=%7B%22password%22%3A%22${SECRET}%22%7D`,
  `/open/crm/x;token=${SECRET}`,
  `/open/crm/x#token=${SECRET}`,
  `/open/crm/x%3Ftoken=${SECRET}`,
  `/none?token=${SECRET}`,
  `/open/crm/../x?token=${SECRET}`,
  `//user:${SECRET}@gateway.test/open/crm/x`,
  `http://user:${SECRET}@gateway.test/open/crm/x`,
  `http://gateway.test/open/crm/x?token=${SECRET}`,
  `http://[bad/?token=${SECRET}`,
];

const jwt = tokenFor();

describe.each(['production', 'development'])('in %s', (mode) => {
  let folder: string;
  let texts: Map<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'psa-secrets-'));
    const backend = await startRecordingBackend();
    // Its answer is no HTTP, and is made of what it was asked.
    const broken = await rawUpstream((socket, head) => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`));
    const gateway = await start(mode, folder, { crm: backend.port, broken: broken.port });
    const port = Number(new URL(gateway.url).port);
    const all = [
      ...heads.map(([, bytes]) => bytes),
      ...[...targets, ...oddTargets, `/open/crm/${jwt}`, `/open/crm/x?x=${jwt}`].map((target) =>
        rawRequest({ target }),
      ),
      ...[...targets, ...oddTargets].map((target) => rawRequest({ target, host: null })),
    ];
    // A few at a time: each waits only so long for its answer.
    for (let from = 0; from < all.length; from += 20) {
      await Promise.all(all.slice(from, from + 20).map((bytes) => sendRaw(port, bytes)));
    }
    const { stdout, stderr } = await gateway.stop();
    const names = ['access', 'error', 'combined'];
    const files = await Promise.all(names.map((name) => readFile(join(folder, `${name}.log`), 'utf8')));
    texts = new Map([
      ['stdout', stdout],
      ['stderr', stderr],
    ]);
    for (const [index, name] of names.entries()) texts.set(name, files[index] ?? '');
    await broken.stop();
    await backend.stop();
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('each of these requests is on record', () => {
    const count = heads.length + 2 * (targets.length + oddTargets.length) + 2;
    const lines = (texts.get('access') ?? '').trim().split('\n');
    expect(lines.filter((line) => !line.includes('/health/ready'))).toHaveLength(count);
    expect(texts.get('access')).toContain('***');
    expect(texts.get('combined')).toContain('upstream failed');
  });

  it.each(['access', 'error', 'combined', 'stdout', 'stderr'])('no secret is in %s', (name) => {
    const lines = (texts.get(name) ?? '').split('\n');
    expect(lines.filter((line) => line.includes(SECRET) || /eyJ[\w-]/.test(line))).toEqual([]);
  });
});

function start(mode: string, folder: string, ports: Record<string, number>): Promise<GatewayProcess> {
  const names = Object.keys(ports);
  return startGatewayProcess({
    file: {
      upstreams: Object.fromEntries(names.map((name) => [name, { url: `http://127.0.0.1:${ports[name]}` }])),
      routes: names.flatMap((name) => [
        { path: `/api/${name}/*`, upstream: name, stripPrefix: `/api/${name}` },
        { path: `/open/${name}/*`, upstream: name, stripPrefix: `/open/${name}`, auth: 'none' },
      ]),
    },
    env: { NODE_ENV: mode, LOG_DIR: folder, RATE_LIMIT_MAX_REQUESTS: '100000', REDIS_PORT: '1' },
  });
}
