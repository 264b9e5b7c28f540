import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { type Forgeries, unsignedForgeries } from '../support/forged-tokens.ts';
import { bearer, startGateway, type TestGateway } from '../support/gateway.ts';
import { issuerKey } from '../support/issuer-keys.ts';
import { type KeyServer, startKeyServer } from '../support/key-server.ts';
import { sendRaw } from '../support/raw-client.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { unfitTokens } from '../support/unfit-tokens.ts';

const keys = ['RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => issuerKey(alg));
const issuer = 'https://issuer.example';
const now = Math.floor(Date.now() / 1000);
const claims = { iss: issuer, aud: 'psa-api', sub: 'ann', iat: now, exp: now + 3600, roles: ['agent'] };

let crm: RecordingBackend;
let server: KeyServer;
let gateway: TestGateway;

beforeAll(async () => {
  crm = await startRecordingBackend();
  server = await startKeyServer(...keys);
  const algorithms = keys.map(({ alg }) => alg);
  gateway = await startGateway({
    upstreams: { crm: crm.port },
    identity: { issuers: [{ issuer, jwksUrl: server.jwksUrl, audience: ['psa-api'], algorithms, subjectPrefix: '' }] },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.stop();
  await crm.stop();
});

/** Sends all of them; returns those that got anything else than a 401. What they cost is measured in bench/. */
async function send(tokens: Forgeries): Promise<string[]> {
  const passed: string[] = [];
  for (const [name, token] of Object.entries(tokens)) {
    const headers = { authorization: `Bearer ${token.replaceAll(/[^\x21-\x7e]/g, ' ')}` };
    const { status, headers: answer } = await call(`${gateway.url}/api/crm/x`, { headers });
    if (status !== 401 || answer['www-authenticate'] === undefined) passed.push(`${name}: ${status}`);
  }
  return passed;
}

describe.each(keys.map((key) => [key.alg, key] as const))('against an issuer that signs with %s', (_alg, key) => {
  it.each([
    ['every forged token', unsignedForgeries({ key, claims }), 200],
    ['every token that it has signed and that is not acceptable', unfitTokens({ key, claims }), 80],
  ])('%s gets 401, and none is forwarded', async (_name, tokens, atLeast) => {
    crm.reset();
    expect(Object.keys(tokens).length).toBeGreaterThan(atLeast);
    expect(await send(tokens)).toEqual([]);
    expect(crm.requests).toEqual([]);
  });

  it('good tokens pass, before and after', async () => {
    expect((await call(`${gateway.url}/api/crm/x`, { headers: bearer(key.token(claims)) })).status).toBe(200);
    const bare = key.token({ ...claims, jti: 'bare' }, { typ: 'at+jwt' });
    expect((await call(`${gateway.url}/api/crm/x`, { headers: bearer(bare) })).status).toBe(200);
  });
});

describe('a token of a megabyte', () => {
  it('is refused before it is read, and the worker lives', async () => {
    crm.reset();
    const head = `GET /api/crm/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${'A'.repeat(1_048_576)}.A.A\r\n\r\n`;
    const { text } = await sendRaw(gateway.port, head, { silenceMs: 3000 });
    expect(text).toMatch(/^(?:HTTP\/1\.1 431 |$)/);
    expect(crm.requests).toEqual([]);
    expect((await call(`${gateway.url}/health/live`)).status).toBe(200);
  });
});

describe('all the forged tokens together', () => {
  it('have had the keys fetched once more, and no more often', () => {
    expect(server.requests()).toBeLessThanOrEqual(2);
  });
});
