import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { freePort } from '../support/free-port.ts';
import { startGateway } from '../support/gateway.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type OwnCertificate, ownCertificate, tlsOptions } from '../support/own-certificate.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedisSentinels } from '../support/redis-sentinels.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const policy = { key: 'address', algorithm: 'sliding', limit: 3, windowMs: 60_000 };
const policies = { burst: { ...policy, algorithm: 'token-bucket' }, sliding: policy };
const route = { path: '/open/*', upstream: 'crm', auth: 'none', limits: ['burst', 'sliding'] };
const plain = { path: '/plain/*', upstream: 'crm', auth: 'none' };
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
    routes: [route, login, plain],
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
  const certificate = await ownCertificate();
  const tlsPort = await freePort();
  const redis = await startRedis(...tlsOptions(certificate, tlsPort));
  const file = { upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } }, routes: [route], policies };
  const common = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(tlsPort), REDIS_TLS: 'true' };
  const trusting = await startGatewayProcess({ file, env: { ...common, NODE_EXTRA_CA_CERTS: certificate.cert } });
  const stranger = await startGatewayProcess({ file, env: common });
  try {
    expect(await fiveRequests(trusting.url)).toEqual([200, 200, 200, 429, 429]);
    expect(JSON.stringify(await trusting.lines())).toContain('redis is connected');
    expect(await redis.client.exists('psa:limit:sliding:{psa:limit:anonymous:127.0.0.1}:sliding')).toBe(1);
    expect(JSON.stringify(await stranger.lines())).toContain('redis is away');
  } finally {
    await Promise.all([trusting.stop(), stranger.stop()]);
    await redis.stop();
    await certificate.remove();
  }
});

describe('with TLS everywhere, and a user of its own', () => {
  const secured = { REDIS_TLS: 'true', REDIS_USERNAME: 'psa', REDIS_PASSWORD: 'secret' };
  const user = ['psa', 'on', '>secret', '~psa:*', ...COMMANDS.split(' '), '+cluster'];
  const file = () => ({
    upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } },
    routes: [route, plain],
    policies,
  });
  let certificate: OwnCertificate;

  beforeAll(async () => {
    certificate = await ownCertificate();
  });
  afterAll(() => certificate.remove());

  const start = (env: Record<string, string>) =>
    startGatewayProcess({ file: file(), env: { ...secured, NODE_EXTRA_CA_CERTS: certificate.cert, ...env } });

  it('finds the primary through Sentinels that ask for a password, and the next one', async () => {
    const sentinels = await startRedisSentinels({ certificate, password: 'sesame' });
    for (const { client } of sentinels.nodes) await client.call('ACL', 'SETUSER', ...user);
    const starts = ['sesame', 'sesam'].map((password) =>
      start({ ...sentinels.env, REDIS_SENTINEL_PASSWORD: password }),
    );
    const [gateway, stranger] = (await Promise.all(starts)) as [GatewayProcess, GatewayProcess];
    try {
      expect(await fiveRequests(gateway.url)).toEqual([200, 200, 200, 429, 429]);
      expect((await toldOf(gateway))[0]).toBe('connected');
      expect(await toldOf(stranger)).toEqual(['away']);
      await sentinels.failOver();
      const [, next] = sentinels.nodes;
      const isNextAsked = async () => {
        await call(`${gateway.url}/plain/x`);
        return String(await next.client.call('INFO', 'commandstats')).includes('cmdstat_evalsha:calls');
      };
      await until('the next primary to be asked', isNextAsked, { withinMs: 20_000 });
      expect(await gateway.errors()).toBe('');
    } finally {
      await Promise.all([gateway.stop(), stranger.stop()]);
      await sentinels.stop();
    }
  }, 60_000);

  it('speaks so with every node of a Cluster', async () => {
    const cluster = await startRedisCluster({ certificate });
    for (const { client } of cluster.nodes) await client.call('ACL', 'SETUSER', ...user);
    const gateway = await start(cluster.env);
    try {
      expect(await fiveRequests(gateway.url)).toEqual([200, 200, 200, 429, 429]);
      expect(await toldOf(gateway)).toEqual(['connected']);
      // Nobody has come without TLS, and nobody as another user.
      const clients = await Promise.all(cluster.nodes.map(({ client }) => client.call('CLIENT', 'LIST')));
      const ours = clients
        .join('\n')
        .split('\n')
        .filter((line) => line.includes(' user=psa '));
      expect(ours.length).toBeGreaterThanOrEqual(3);
      expect(JSON.parse((await call(`${gateway.url}/health`)).body.toString()).status).toBe('healthy');
    } finally {
      await gateway.stop();
      await cluster.stop();
    }
  }, 60_000);
});

/** What a gateway has logged of Redis. */
async function toldOf(gateway: GatewayProcess): Promise<string[]> {
  const messages = (await gateway.lines()).map(({ message }) => String(message));
  return messages.flatMap((message) => /^redis (?:is )?(away|back|connected|refuses)/.exec(message)?.[1] ?? []);
}
