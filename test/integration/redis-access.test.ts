import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { freePort } from '../support/free-port.ts';
import { startGateway } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis } from '../support/redis-server.ts';

const policy = { key: 'address', algorithm: 'sliding', limit: 3, windowMs: 60_000 };
const policies = { burst: { ...policy, algorithm: 'token-bucket' }, sliding: policy };
const route = { path: '/open/*', upstream: 'crm', auth: 'none', limits: ['burst', 'sliding'] };
const login = { path: '/login', upstream: 'crm', auth: 'none', countLoginFailures: true };

/** What DEPLOYMENT.md says that the user of the gateway needs. */
const COMMANDS =
  /`(\+eval [^`]+)`/.exec(readFileSync(new URL('../../DEPLOYMENT.md', import.meta.url), 'utf8'))?.[1] ?? '';

let crm: RecordingBackend;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

/** The statuses of five requests, one after the other. */
async function fiveRequests(url: string): Promise<number[]> {
  const statuses: number[] = [];
  for (let request = 0; request < 5; request++) statuses.push((await call(`${url}/open/x`)).status);
  return statuses;
}

it('needs no more rights in Redis than DEPLOYMENT.md says', async () => {
  const redis = await startRedis();
  await redis.client.call('ACL', 'SETUSER', 'psa', 'on', '>secret', '~psa:*', ...COMMANDS.split(' '));
  const gateway = await startGateway({
    upstreams: { crm: crm.port },
    routes: [route, login, { path: '/plain/*', upstream: 'crm', auth: 'none' }],
    sections: { policies },
    redisPort: redis.port,
    env: { REDIS_USERNAME: 'psa', REDIS_PASSWORD: 'secret' },
  });
  try {
    expect(await fiveRequests(gateway.url)).toEqual([200, 200, 200, 429, 429]);
    const headers = { 'content-type': 'application/json' };
    await call(`${gateway.url}/login`, { method: 'POST', headers, body: '{"email":"ada@example.com"}' });
    await call(`${gateway.url}/plain/x`);
    const messages = (await gateway.lines('combined')).map(({ message }) => message);
    expect(messages).toContain('redis is connected');
    expect(messages).not.toContainEqual(expect.stringContaining('redis is away'));
    const health = JSON.parse((await call(`${gateway.url}/health`)).body.toString());
    // A right that is missing would be a refusal.
    expect(health.dependencies).toMatchObject({ redis: { status: 'up' }, sharedState: { status: 'up' } });
    expect(await redis.client.get('psa:limit:anonymous:127.0.0.1')).toBe('5');
  } finally {
    await gateway.stop();
    await redis.stop();
  }
});

it('speaks TLS with a Redis whose authority it knows, and not with another', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'psa-redis-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert];
  await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...files, ...names]);
  const tlsPort = String(await freePort());
  const tls = ['--tls-port', tlsPort, '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'];
  const redis = await startRedis(...tls);
  const file = { upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } }, routes: [route], policies };
  const common = { REDIS_HOST: '127.0.0.1', REDIS_PORT: tlsPort, REDIS_TLS: 'true' };
  const trusting = await startGatewayProcess({ file, env: { ...common, NODE_EXTRA_CA_CERTS: cert } });
  const stranger = await startGatewayProcess({ file, env: common });
  try {
    expect(await fiveRequests(trusting.url)).toEqual([200, 200, 200, 429, 429]);
    expect(JSON.stringify(await trusting.lines())).toContain('redis is connected');
    expect(await redis.client.exists('psa:limit:sliding:{psa:limit:anonymous:127.0.0.1}')).toBe(1);
    expect(JSON.stringify(await stranger.lines())).toContain('redis is away');
  } finally {
    await Promise.all([trusting.stop(), stranger.stop()]);
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
