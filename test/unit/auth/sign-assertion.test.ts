import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { publishedKey, signAssertion } from '../../../src/auth/sign-assertion.ts';
import type { Caller } from '../../../src/context.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const settings = { keys: [privateKey], issuer: 'gateway', ttlSeconds: 60, audiences: {} };
const caller: Caller = {
  userId: 'ann',
  tenantId: undefined,
  roles: ['agent'],
  scopes: [],
  credential: { kind: 'token', jti: undefined, issuedAtSeconds: undefined },
  headers: [],
};

function signing() {
  const time = { ms: 1_800_000_000_000 };
  return { time, assertion: signAssertion({ settings, now: () => time.ms }) };
}

const partOf = (text: string, index: number) =>
  JSON.parse(Buffer.from(text.split('.')[index] ?? '', 'base64url').toString());
const claimsIn = (text: string) => partOf(text, 1);

describe('signAssertion', () => {
  it('signs what it says', () => {
    const text = signing().assertion(caller, 'crm');
    const [head, body, signature = ''] = text.split('.');
    expect(verify(null, Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    // Of a type that nobody takes for a token that lets in.
    expect(partOf(text, 0)).toMatchObject({ alg: 'EdDSA', typ: 'gateway-assertion+jwt' });
    expect(claimsIn(text)).toEqual({
      iss: 'gateway',
      aud: 'crm',
      sub: 'ann',
      roles: ['agent'],
      scopes: [],
      iat: 1_800_000_000,
      exp: 1_800_000_060,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('says the same for half of its life, so that a service always has the other half', () => {
    const { time, assertion } = signing();
    const first = assertion(caller, 'crm');
    time.ms += 29_999;
    expect(assertion(caller, 'crm')).toBe(first);
    time.ms += 1;
    const second = assertion(caller, 'crm');
    expect(second).not.toBe(first);
    expect(claimsIn(second).exp).toBe(1_800_000_090);
  });

  it('says another thing to each service, and of each caller', () => {
    const { assertion } = signing();
    const texts = [
      assertion(caller, 'crm'),
      assertion(caller, 'tickets'),
      assertion({ ...caller, userId: 'bob' }, 'crm'),
    ];
    expect(texts.map((text) => [claimsIn(text).sub, claimsIn(text).aud])).toEqual([
      ['ann', 'crm'],
      ['ann', 'tickets'],
      ['bob', 'crm'],
    ]);
    expect(assertion(caller, 'crm')).toBe(texts[0]);
  });
});

describe('publishedKey', () => {
  it('is named by its own thumbprint, and has no private part', async () => {
    const key = publishedKey(privateKey);
    expect(key.kid).toBe(await calculateJwkThumbprint(publicKey.export({ format: 'jwk' })));
    expect(Object.keys(key)).toEqual(['kty', 'crv', 'x', 'kid', 'use', 'alg']);
  });
});
