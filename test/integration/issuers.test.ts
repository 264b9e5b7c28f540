import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { forge } from '../support/forge-token.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { algorithms, type IssuerKey, issuerKey } from '../support/issuer-keys.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { type KeyServer, startKeyServer } from '../support/key-server.ts';
import { metricsOf, total } from '../support/metrics-of.ts';
import { quickest } from '../support/quickest.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const audience = ['psa-api', 'psa-mobile'];
const cognito = 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123';

let crm: RecordingBackend;

beforeAll(async () => {
  crm = await startRecordingBackend();
});

afterAll(() => crm.stop());

beforeEach(() => crm.reset());

/** The claims of a token of an issuer that is all right. */
const claimsOf = (iss: string, claims: Record<string, unknown> = {}) => {
  const now = Math.floor(Date.now() / 1000);
  return { iss, aud: 'psa-api', sub: 'ann', iat: now, exp: now + 600, ...claims };
};

const ask = (gateway: TestGateway, token: string) =>
  call(`${gateway.url}/api/crm/x`, { headers: { authorization: `Bearer ${token}` } });

const identity = () => crm.requests.at(-1)?.headers ?? {};

describe('several issuers side by side', () => {
  const keys = algorithms.map((alg) => issuerKey(alg));
  const [first] = keys as [IssuerKey];
  const others = issuerKey('RS256', first.kid);
  const noKid = issuerKey('EdDSA');
  const poolKey = issuerKey('RS256', 'pool');
  const servers: KeyServer[] = [];
  let gateway: TestGateway;

  beforeAll(async () => {
    const { kid: _kid, alg: _alg, ...bare } = noKid.jwk;
    servers.push(
      await startKeyServer(...keys),
      await startKeyServer(others, { jwk: bare }),
      await startKeyServer(poolKey),
    );
    const [all, other, pool] = servers as [KeyServer, KeyServer, KeyServer];
    gateway = await startGateway({
      upstreams: { crm: crm.port },
      identity: {
        issuers: [
          { issuer: 'https://all.example', jwksUrl: all.jwksUrl, audience, algorithms, subjectPrefix: 'all|' },
          {
            issuer: 'https://other.example',
            jwksUrl: other.jwksUrl,
            audience: ['psa-web'],
            algorithms: ['RS256', 'EdDSA'],
            subjectPrefix: '',
            leewaySeconds: 20,
            claims: { roles: 'groups', tenantId: 'org' },
          },
          {
            preset: 'cognito',
            region: 'eu-west-1',
            userPoolId: 'eu-west-1_AbCdEf123',
            jwksUrl: pool.jwksUrl,
            audience: ['client-1'],
            subjectPrefix: 'pool|',
          },
        ],
      },
    });
  });

  afterAll(async () => {
    await gateway.stop();
    for (const server of servers) await server.stop();
  });

  it.each(keys.map((key) => [key.alg, key] as const))('takes a token signed with %s', async (_alg, key) => {
    expect((await ask(gateway, key.token(claimsOf('https://all.example')))).status).toBe(200);
    expect(identity()).toMatchObject({ 'x-user-id': ['all|ann'] });
  });

  it('takes tokens of a shared secret beside them', async () => {
    expect((await ask(gateway, tokenFor())).status).toBe(200);
    expect(identity()).toMatchObject({ 'x-user-id': ['user-1'] });
  });

  it('takes a token of any of the audiences, and no other', async () => {
    const status = async (aud: unknown) =>
      (await ask(gateway, first.token(claimsOf('https://all.example', { aud })))).status;
    expect(await status('psa-mobile')).toBe(200);
    expect(await status(['x', 'psa-mobile'])).toBe(200);
    expect(await status('psa-web')).toBe(401);
  });

  it('finds the key by itself when neither token nor key has an id', async () => {
    const token = noKid.token(claimsOf('https://other.example', { aud: 'psa-web' }), { kid: undefined });
    expect((await ask(gateway, token)).status).toBe(200);
  });

  it('takes roles and tenant from the claims that the issuer has them in, and not from those of our names', async () => {
    const own = { aud: 'psa-web', groups: ['agent'], org: 'org-1' };
    await ask(gateway, others.token(claimsOf('https://other.example', own)));
    expect(identity()).toMatchObject({ 'x-user-roles': ['agent'], 'x-tenant-id': ['org-1'] });
    await ask(
      gateway,
      others.token(claimsOf('https://other.example', { aud: 'psa-web', roles: ['admin'], tenantId: 'x' })),
    );
    expect(identity()['x-user-roles']).toBeUndefined();
    expect(identity()['x-tenant-id']).toBeUndefined();
  });

  it('allows each issuer its own difference of clocks', async () => {
    const late = { exp: Math.floor(Date.now() / 1000) - 10 };
    expect(
      (await ask(gateway, others.token(claimsOf('https://other.example', { ...late, aud: 'psa-web' })))).status,
    ).toBe(200);
    expect(reasonOf(await ask(gateway, first.token(claimsOf('https://all.example', late))))).toBe('token_expired');
  });

  it.each([
    ['of another issuer with the same key id', others, 'https://all.example', 'psa-api', 'token_signature_invalid'],
    ['of this issuer for the audience of another', first, 'https://all.example', 'psa-web', 'token_claims_invalid'],
    ['of this issuer in the name of another', first, 'https://other.example', 'psa-web', 'token_signature_invalid'],
    ['of this issuer in the name of the shared secret', first, 'psa-auth', 'psa-api', 'token_signature_invalid'],
    ['of an issuer that nobody knows', first, 'https://all.example/', 'psa-api', 'token_signature_invalid'],
  ])('refuses a token %s', async (_name, key, iss, aud, reason) => {
    const answer = await ask(gateway, key.token(claimsOf(iss, { aud })));
    expect(reasonOf(answer)).toBe(reason);
    expect(answer.status).toBe(401);
    expect(crm.requests).toEqual([]);
  });

  it.each([
    ['an access token', { token_use: 'access', client_id: 'client-1', aud: undefined, scope: 'crm/read' }],
    ['an ID token', { token_use: 'id', aud: 'client-1' }],
  ])('takes %s of Cognito, with groups as roles', async (_name, claims) => {
    const token = poolKey.token(claimsOf(cognito, { ...claims, 'cognito:groups': ['agent', 'boss'] }));
    expect((await ask(gateway, token)).status).toBe(200);
    expect(identity()).toMatchObject({ 'x-user-id': ['pool|ann'], 'x-user-roles': ['agent,boss'] });
  });

  it.each([
    ['an access token of another client', { token_use: 'access', client_id: 'client-2', aud: 'client-1' }],
    ['an access token of no client', { token_use: 'access', aud: 'client-1' }],
    ['an ID token of another client', { token_use: 'id', aud: 'client-2', client_id: 'client-1' }],
    ['a refresh token', { token_use: 'refresh', aud: 'client-1', client_id: 'client-1' }],
    ['a token for nothing', { aud: 'client-1', client_id: 'client-1' }],
  ])('refuses %s of Cognito', async (_name, claims) => {
    expect(reasonOf(await ask(gateway, poolKey.token(claimsOf(cognito, claims))))).toBe('token_claims_invalid');
    expect(crm.requests).toEqual([]);
  });

  it('counts how often a token was known', async () => {
    const before = await metricsOf(gateway.adminUrl);
    const token = first.token(claimsOf('https://all.example', { jti: 'counted' }));
    for (let index = 0; index < 5; index++) await ask(gateway, token);
    const after = await metricsOf(gateway.adminUrl);
    const grown = (result: string) =>
      total(after, 'gateway_token_cache_total', `result="${result}"`) -
      total(before, 'gateway_token_cache_total', `result="${result}"`);
    expect([grown('miss'), grown('hit')]).toEqual([1, 4]);
    expect(total(after, 'gateway_key_set_fetches_total', 'issuer="https://all.example"', 'result="ok"')).toBe(1);
  });
});

describe('the keys of an issuer', () => {
  const [old, next] = [issuerKey('RS256', 'old'), issuerKey('ES256', 'next')] as const;
  const iss = 'https://issuer.example';
  let server: KeyServer;
  let gateway: TestGateway | undefined;

  const start = async () => {
    const settings = {
      issuer: iss,
      jwksUrl: server.jwksUrl,
      audience,
      algorithms: ['RS256', 'ES256'],
      subjectPrefix: '',
    };
    gateway = await startGateway({ upstreams: { crm: crm.port }, identity: { issuers: [settings] } });
    return gateway;
  };

  beforeEach(async () => {
    server = await startKeyServer(old);
  });

  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
    await server.stop();
  });

  it('are fetched before the first request', async () => {
    const gateway = await start();
    expect(server.requests()).toBe(1);
    expect((await ask(gateway, old.token(claimsOf(iss)))).status).toBe(200);
    expect(server.requests()).toBe(1);
  });

  it('can be rotated under load without a request being refused', async () => {
    const gateway = await start();
    let signer: IssuerKey = old;
    const tokens = () => `Bearer ${signer.token(claimsOf(iss, { jti: Math.random() }))}`;
    const results: number[] = [];
    const ending = new AbortController();
    const client = async () => {
      while (!ending.signal.aborted) {
        results.push((await call(`${gateway.url}/api/crm/x`, { headers: { authorization: tokens() } })).status);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    await until('some requests were served', () => results.length > 100);
    // Published and used in the same moment, which is the worst that an issuer can do.
    server.publish(old, next);
    signer = next;
    await until('as many with the new key', () => results.length > 300);
    server.publish(next);
    await until('and without the old one', () => results.length > 400);
    ending.abort();
    await Promise.all(clients);
    expect(results.filter((status) => status !== 200)).toEqual([]);
    expect(server.requests()).toBe(2);
  });

  it('verify nothing any more once the issuer has withdrawn them, cached tokens included', async () => {
    const gateway = await start();
    const token = old.token(claimsOf(iss));
    expect((await ask(gateway, token)).status).toBe(200);
    server.publish(next);
    expect((await ask(gateway, next.token(claimsOf(iss)))).status).toBe(200);
    expect(reasonOf(await ask(gateway, token))).toBe('token_signature_invalid');
  });

  it('are fetched once, and not once more, for hundreds of tokens with made-up key ids', async () => {
    const gateway = await start();
    // A forged signature under an id that is there tells of no new key.
    const stranger = issuerKey('RS256', 'old').token(claimsOf(iss));
    // Nor does an algorithm that is not allowed.
    const other = issuerKey('RS512', 'other').token(claimsOf(iss));
    for (const token of [stranger, other]) {
      expect(reasonOf(await ask(gateway, token))).toBe('token_signature_invalid');
    }
    expect(server.requests()).toBe(1);
    const forged = Array.from({ length: 400 }, (_, index) => old.token(claimsOf(iss), { kid: `made-up-${index}` }));
    const answers = await Promise.all(forged.map((token) => ask(gateway, token)));
    expect(new Set(answers.map(reasonOf))).toEqual(new Set(['token_signature_invalid']));
    expect(server.requests()).toBe(2);
    expect((await ask(gateway, old.token(claimsOf(iss)))).status).toBe(200);
  });

  it('are kept while they can not be fetched; tokens of unknown keys get 503, and health says so', async () => {
    const gateway = await start();
    server.answer((_req, res) => res.destroy());
    const answer = await ask(gateway, next.token(claimsOf(iss)));
    expect(answer.status).toBe(503);
    expect(reasonOf(answer)).toBe('jwks_unavailable');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(gateway, old.token(claimsOf(iss)))).status).toBe(200);
    const health = JSON.parse((await call(`${gateway.url}/health`)).body.toString());
    expect(health).toMatchObject({ status: 'degraded', dependencies: { identity: { status: 'down' } } });
    const warnings = (await gateway.lines('combined')).filter(({ message }) =>
      String(message).includes('keys of an issuer'),
    );
    expect(warnings).toEqual([expect.objectContaining({ level: 'warn', issuer: iss })]);
    server.publish(old, next);
    await until('the keys are there again', async () => (await ask(gateway, next.token(claimsOf(iss)))).status === 200);
    const again = JSON.parse((await call(`${gateway.url}/health`)).body.toString());
    expect(again.dependencies.identity).toEqual({ status: 'up' });
  });

  it('never keep anybody waiting while their server hangs: others pass, and its own get 503 at once', async () => {
    server.answer(() => undefined);
    const gateway = await start();
    // Whoever waited for the keys would wait for two seconds.
    const slowestMs = await quickest(1500, async () => {
      const load = keepAliveLoad({ url: `${gateway.url}/api/crm/x`, headers: bearer(), connections: 2 });
      const startedAt = performance.now();
      expect(reasonOf(await ask(gateway, old.token(claimsOf(iss))))).toBe('jwks_unavailable');
      const ownMs = performance.now() - startedAt;
      const others = await load.stop();
      expect(others.failures).toEqual({});
      return Math.max(ownMs, others.slowestMs);
    });
    expect(slowestMs).toBeLessThan(1500);
    expect((await call(`${gateway.url}/open/crm/x`, { headers: bearer(old.token(claimsOf(iss))) })).status).toBe(200);
  });

  it('are enough: without JWT_SECRET no token of a shared secret passes, not even of an empty one', async () => {
    const settings = { issuer: iss, jwksUrl: server.jwksUrl, audience };
    gateway = await startGateway({
      upstreams: { crm: crm.port },
      identity: { issuers: [settings] },
      env: { JWT_SECRET: '', JWT_ISSUER: '', JWT_AUDIENCE: '' },
    });
    expect((await ask(gateway, old.token(claimsOf(iss)))).status).toBe(200);
    expect(identity()).toMatchObject({ 'x-user-id': ['ann'] });
    crm.reset();
    for (const token of [
      tokenFor(),
      forge({ key: '' }),
      forge({ key: 'undefined' }),
      forge({ payload: claimsOf(iss) }),
    ]) {
      expect((await ask(gateway, token)).status).toBe(401);
    }
    expect(crm.requests).toEqual([]);
  });
});
