import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { operatorOf } from '../support/operator.ts';
import { parseAnswer, sendRaw } from '../support/raw-client.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
let crm: RecordingBackend;
let gateway: TestGateway;
let operator: ReturnType<typeof operatorOf>;

beforeAll(async () => {
  redis = await startRedis();
  crm = await startRecordingBackend();
  gateway = await startGateway({
    upstreams: { crm: crm.port },
    redisPort: redis.port,
    routes: [
      { path: '/api/crm/*', upstream: 'crm', stripPrefix: '/api/crm' },
      { path: '/open/crm/*', upstream: 'crm', stripPrefix: '/open/crm', auth: 'none' },
      { path: '/managers/crm/*', upstream: 'crm', stripPrefix: '/managers/crm', roles: ['manager'] },
    ],
  });
  operator = operatorOf(redis);
});
afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await redis.stop();
});
afterEach(() => crm.reset());

const ask = (headers: Record<string, string>, path = '/api/crm/x') => call(`${gateway.url}${path}`, { headers });
const withKey = (key: string) => ({ 'x-api-key': key });
const answersWith = (expected: number | string, headers: Record<string, string>) =>
  until(`an answer of ${expected}`, async () => {
    const answer = await ask(headers);
    return answer.status === expected || reasonOf(answer) === expected ? answer : undefined;
  });
const issue = async (key: Partial<Parameters<typeof operator.keys.create>[0]> = {}) => {
  const issued = await operator.keys.create({ owner: 'billing', ...key });
  await answersWith(200, withKey(issued.key));
  crm.reset();
  return issued;
};

describe('a caller with an API key', () => {
  it.each([
    ['X-API-Key', (key: string) => ({ 'x-api-key': key })],
    ['Authorization: ApiKey', (key: string) => ({ authorization: `ApiKey ${key}` })],
    ['another spelling of the scheme', (key: string) => ({ authorization: `apikey  ${key} ` })],
  ])('passes with %s; the service learns who it is, and never the key', async (_, headers) => {
    const { id, key } = await issue({ tenantId: 'tenant-1', roles: ['agent', 'bot, odd'] });
    expect((await ask(headers(key))).status).toBe(200);
    expect(crm.requests.at(-1)?.headers).toMatchObject({
      'x-user-id': [`key:${id}`],
      'x-tenant-id': ['tenant-1'],
      // A role with a comma must not become two.
      'x-user-roles': ['agent,bot%2C%20odd'],
    });
    expect(crm.rawBytes().join('')).not.toContain(key.slice(-43));
  });

  it('may do what its roles allow', async () => {
    const manager = await issue({ roles: ['manager'] });
    const agent = await issue({ roles: ['agent'] });
    expect((await ask(withKey(manager.key), '/managers/crm/x')).status).toBe(200);
    expect(reasonOf(await ask(withKey(agent.key), '/managers/crm/x'))).toBe('scope_missing');
  });

  it('has a name that no token can take', async () => {
    const { id } = await issue({ tenantId: 'tenant-1' });
    const answer = await ask(bearer(tokenFor({ sub: `key:${id}` })));
    expect([answer.status, reasonOf(answer)]).toEqual([401, 'token_claims_invalid']);
    expect(crm.requests).toEqual([]);
  });

  it('never shows its key to a service, not even a wrong one where nobody asks for it', async () => {
    const key = `psa_0123456789abcdef_${'s'.repeat(43)}`;
    for (const headers of [withKey(key), { X_Api_Key: key }, { authorization: `ApiKey ${key}` }]) {
      expect((await ask(headers, '/open/crm/x')).status).toBe(200);
    }
    expect(crm.rawBytes().join('')).not.toContain('ssss');
  });

  it('is on no record with its key', async () => {
    const { key } = await issue();
    await ask(withKey(key), `/api/crm/x?api_key=${key}`);
    await ask({}, `/api/crm/${key}`);
    const lines = [...(await gateway.lines('access')), ...(await gateway.lines('combined'))];
    expect(JSON.stringify(lines)).not.toContain(key.slice(-43));
  });
});

describe('an API key that is not valid', () => {
  it('is unknown or wrong: 401 with the same words for both', async () => {
    const { id } = await issue();
    const wrong = await ask(withKey(`psa_${id}_${'A'.repeat(43)}`));
    const unknown = await ask(withKey(`psa_0123456789abcdef_${'A'.repeat(43)}`));
    for (const answer of [wrong, unknown]) {
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('ApiKey error="invalid_token"');
      expect(reasonOf(answer)).toBe('token_signature_invalid');
    }
    const words = ({ body }: typeof wrong) => ({ ...JSON.parse(body.toString()), requestId: undefined });
    expect(words(wrong)).toEqual(words(unknown));
    expect(crm.requests).toEqual([]);
  });

  it('is malformed: 401 auth_malformed', async () => {
    const { id, key } = await issue();
    const malformed = [
      ...['psa', 'psa__', `psa_${id}_`, key.slice(0, -1), `${key}A`, ` ${key} x`, key.toUpperCase(), `${key},${key}`],
      ...[`psa_${id}_${'A'.repeat(9000)}`, `psa_../${key.slice(7)}`, '\u00e9'],
    ];
    for (const text of malformed) {
      const answer = await ask(withKey(text));
      expect([text, answer.status, reasonOf(answer)]).toEqual([text, 401, 'auth_malformed']);
      expect(answer.headers['www-authenticate']).toBe('ApiKey error="invalid_request"');
    }
    expect(reasonOf(await ask({ authorization: 'ApiKey ' }))).toBe('auth_malformed');
    expect(reasonOf(await ask({ authorization: 'ApiKey' }))).toBe('auth_malformed');
  });

  it('is one of two credentials: 401, whichever of them is good', async () => {
    const { key } = await issue();
    expect(reasonOf(await ask({ ...withKey(key), ...bearer() }))).toBe('auth_malformed');
    expect(reasonOf(await ask({ ...withKey(key), authorization: `ApiKey ${key}` }))).toBe('auth_malformed');
    expect(reasonOf(await ask({ ...withKey('psa_x'), ...bearer() }))).toBe('auth_malformed');
    for (const header of [`X-API-Key: ${key}`, `Authorization: ApiKey ${key}`]) {
      const twice = `GET /api/crm/x HTTP/1.1\r\nHost: a\r\n${header}\r\n${header}\r\n\r\n`;
      const { text } = await sendRaw(gateway.port, twice);
      expect(parseAnswer(text)).toMatchObject({ status: 401, headers: { 'x-gateway-reason': 'auth_malformed' } });
    }
    expect(crm.requests).toEqual([]);
  });

  it('has expired: 401 token_expired', async () => {
    const { key } = await issue({ expiresAtMs: Date.now() + 1500 });
    await answersWith('token_expired', withKey(key));
  });

  it('was revoked: 401 token_revoked, and only to whoever has the secret', async () => {
    const { id, key } = await issue();
    await operator.keys.revoke(id);
    await answersWith('token_revoked', withKey(key));
    expect(reasonOf(await ask(withKey(`psa_${id}_${'A'.repeat(43)}`)))).toBe('token_signature_invalid');
  });

  it('is counted by address, so that guessing is slowed', async () => {
    const guarded = await startGateway({
      upstreams: { crm: crm.port },
      redisPort: redis.port,
      env: { RATE_LIMIT_MAX_REQUESTS: '3' },
    });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      const headers = { ...withKey(`psa_0123456789abcdef_${'A'.repeat(43)}`), 'x-forwarded-for': '203.0.113.9' };
      statuses.push((await call(`${guarded.url}/api/crm/x`, { headers })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 429]);
    await guarded.stop();
  });
});

describe('rotating an API key', () => {
  it('refuses no request: the old secret is valid until its time is over', async () => {
    const { id, key } = await issue();
    const rotated = await operator.keys.rotate(id, { graceSeconds: 2 });
    const newKey = withKey(rotated?.key ?? '');
    expect((await answersWith(200, newKey)).status).toBe(200);
    expect((await ask(withKey(key))).status).toBe(200);
    await answersWith('token_signature_invalid', withKey(key));
    expect((await ask(newKey)).status).toBe(200);
  });

  it('ends the old secret at once where there is no time to lose', async () => {
    const { id, key } = await issue();
    await operator.keys.rotate(id, { graceSeconds: 0 });
    await answersWith('token_signature_invalid', withKey(key));
  });
});

describe('the last use of an API key', () => {
  it('is known to the operator, with one write for many requests', async () => {
    const startedAt = Date.now();
    const { id, key } = await issue();
    await until('the use to be known', async () => ((await operator.keys.show(id))?.lastUsedAtMs ?? 0) >= startedAt);
    await redis.client.config('RESETSTAT');
    await Promise.all(Array.from({ length: 100 }, () => ask(withKey(key))));
    // One comes from the watch over Redis at most, none from the hundred.
    const stats = await redis.client.info('commandstats');
    expect(Number(/cmdstat_set:calls=(\d+)/.exec(stats)?.[1] ?? 0)).toBeLessThanOrEqual(1);
  });
});

describe('a gateway that has never reached Redis', () => {
  it('answers 503 to an API key that may be a good one', async () => {
    const { key } = await operator.keys.create({ owner: 'billing' });
    const lonely = await startGateway({ upstreams: { crm: crm.port } });
    const answer = await call(`${lonely.url}/api/crm/x`, { headers: withKey(key) });
    expect([answer.status, reasonOf(answer)]).toEqual([503, 'jwks_unavailable']);
    expect(answer.headers['retry-after']).toBe('1');
    await lonely.stop();
  });
});
