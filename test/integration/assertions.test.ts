import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { call } from '../support/call.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

const [current, previous] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];

let crm: RecordingBackend;
let tickets: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  crm = await startRecordingBackend();
  tickets = await startRecordingBackend();
  gateway = await startGateway({
    upstreams: { crm: crm.port, tickets: tickets.port },
    env: {
      // As in a .env file: on one line.
      CURRENT: current.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().replaceAll('\n', '\\n'),
      PREVIOUS: JSON.stringify(previous.privateKey.export({ format: 'jwk' })),
    },
    identity: {
      assertion: { keys: ['${CURRENT}', '${PREVIOUS}'], audiences: { tickets: 'https://tickets.internal' } },
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
  await tickets.stop();
});

beforeEach(() => {
  crm.reset();
  tickets.reset();
});

const published = async () => {
  const answer = await call(`${gateway.url}/.well-known/jwks.json`);
  return { answer, keys: JSON.parse(answer.body.toString()) as JSONWebKeySet };
};

const assertionOf = (backend: RecordingBackend) => backend.requests.at(-1)?.headers['x-gateway-assertion'];

describe('a signed identity', () => {
  it('tells a service who is calling, in a form that it can check with the published keys', async () => {
    const claims = { sub: 'ann', roles: ['agent'], tenantId: 'org', scope: 'read write' };
    await call(`${gateway.url}/api/crm/x`, { headers: bearer(tokenFor(claims)) });
    const [text = '', ...more] = assertionOf(crm) ?? [];
    expect(more).toEqual([]);
    const { keys } = await published();
    const { payload, protectedHeader } = await jwtVerify(text, createLocalJWKSet(keys), {
      issuer: 'psa-api-gateway',
      audience: 'crm',
      algorithms: ['EdDSA'],
    });
    expect(payload).toMatchObject({ sub: 'ann', roles: ['agent'], tenantId: 'org', scopes: ['read', 'write'] });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'gateway-assertion+jwt', kid: keys.keys[0]?.kid });
  });

  it('is for one service alone', async () => {
    await call(`${gateway.url}/api/tickets/x`, { headers: bearer() });
    const [text = ''] = assertionOf(tickets) ?? [];
    const { keys } = await published();
    const check = (audience: string) => jwtVerify(text, createLocalJWKSet(keys), { audience });
    expect((await check('https://tickets.internal')).payload.sub).toBe('user-1');
    await expect(check('tickets')).rejects.toThrow('aud');
    await expect(check('crm')).rejects.toThrow('aud');
  });

  it('is made once for many requests of a caller, and anew for another caller', async () => {
    const token = tokenFor({ jti: 'twice' });
    const seen = new Set<string | undefined>();
    for (let index = 0; index < 3; index++) {
      await call(`${gateway.url}/api/crm/x`, { headers: bearer(token) });
      seen.add(assertionOf(crm)?.[0]);
    }
    expect(seen.size).toBe(1);
    await call(`${gateway.url}/api/crm/x`, { headers: bearer(tokenFor({ sub: 'bob' })) });
    expect(seen).not.toContain(assertionOf(crm)?.[0]);
  });

  it('says nothing of those who are nobody', async () => {
    await call(`${gateway.url}/open/crm/x`);
    expect(assertionOf(crm)).toBeUndefined();
  });

  it.each([
    'X-Gateway-Assertion',
    'x-gateway-assertion',
    'X_GATEWAY_ASSERTION',
    'X.Gateway.Assertion',
    'x-gateway_assertion',
  ])('never comes from the client: %s', async (name) => {
    await call(`${gateway.url}/open/crm/x`, { headers: { [name]: 'forged' } });
    expect(JSON.stringify(crm.requests.at(-1)?.headers)).not.toContain('forged');
    await call(`${gateway.url}/api/crm/x`, { headers: { ...bearer(), [name]: 'forged' } });
    expect(JSON.stringify(crm.requests.at(-1)?.headers)).not.toContain('forged');
    expect(assertionOf(crm)).toHaveLength(1);
  });

  it('lets nobody in at the gateway itself', async () => {
    await call(`${gateway.url}/api/crm/x`, { headers: bearer() });
    const [text] = assertionOf(crm) ?? [];
    expect((await call(`${gateway.url}/api/crm/x`, { headers: bearer(text) })).status).toBe(401);
  });
});

describe('the published keys', () => {
  it('are all of them, the signing one first, and nothing private', async () => {
    const { answer, keys } = await published();
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('public, max-age=300');
    expect(keys.keys.map(({ x }) => x)).toEqual(
      [current, previous].map(({ publicKey }) => publicKey.export({ format: 'jwk' }).x),
    );
    expect(keys.keys.flatMap((key) => Object.keys(key))).not.toContain('d');
  });

  it('are an ordinary path where nothing is signed, and to other methods', async () => {
    const other = await startGateway({ upstreams: { crm: crm.port } });
    expect((await call(`${other.url}/.well-known/jwks.json`)).status).toBe(404);
    await other.stop();
    expect((await call(`${gateway.url}/.well-known/jwks.json`, { method: 'POST' })).status).toBe(404);
    const head = await call(`${gateway.url}/.well-known/jwks.json`, { method: 'HEAD' });
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });

  it('are never limited', async () => {
    const limited = await startGateway({
      upstreams: { crm: crm.port },
      env: { RATE_LIMIT_MAX_REQUESTS: '2', KEY: JSON.stringify(current.privateKey.export({ format: 'jwk' })) },
      identity: { assertion: { keys: ['${KEY}'] } },
    });
    const statuses: number[] = [];
    for (let index = 0; index < 5; index++) statuses.push((await call(`${limited.url}/.well-known/jwks.json`)).status);
    await limited.stop();
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
  });
});
