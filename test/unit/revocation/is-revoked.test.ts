import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../../../src/context.ts';
import { revocationsOf } from '../../../src/revocation/is-revoked.ts';
import type { Revocation } from '../../../src/revocation/revocation-store.ts';

const AT_SECONDS = 1_800_000_000;

const isRevoked = revocationsOf(
  new Map<string, Revocation>(
    ['jti:stolen', 'user:leaver', 'tenant:acme'].map((id) => [id, { issuedUntilSeconds: AT_SECONDS }]),
  ),
);

const caller = ({ userId = 'user', tenantId, ...token }: Partial<Caller> & Token): Caller => ({
  userId,
  tenantId,
  roles: [],
  scopes: [],
  credential: { kind: 'token', jti: undefined, issuedAtSeconds: undefined, ...token },
  headers: [],
});
interface Token {
  readonly jti?: string;
  readonly issuedAtSeconds?: number;
}

describe('a token is revoked', () => {
  it.each<[string, Parameters<typeof caller>[0], boolean]>([
    ['by its jti, whenever it was issued', { jti: 'stolen', issuedAtSeconds: AT_SECONDS + 100 }, true],
    ['not by another jti', { jti: 'fine', issuedAtSeconds: 1 }, false],
    ['not without a jti', { issuedAtSeconds: 1 }, false],
    ['not by a jti that looks like a user', { jti: 'user:leaver' }, false],
    ['by its user, if issued before', { userId: 'leaver', issuedAtSeconds: AT_SECONDS - 1 }, true],
    ['by its user, if issued in the same second', { userId: 'leaver', issuedAtSeconds: AT_SECONDS }, true],
    [
      'by its user, if issued in a part of the same second',
      { userId: 'leaver', issuedAtSeconds: AT_SECONDS + 0.9 },
      true,
    ],
    ['not by its user, if issued later', { userId: 'leaver', issuedAtSeconds: AT_SECONDS + 1 }, false],
    ['by its user, if it does not say when it was issued', { userId: 'leaver' }, true],
    ['by its tenant, if issued before', { tenantId: 'acme', issuedAtSeconds: AT_SECONDS }, true],
    ['not by its tenant, if issued later', { tenantId: 'acme', issuedAtSeconds: AT_SECONDS + 1 }, false],
    ['not by a tenant of the name of a user', { userId: 'acme', tenantId: 'leaver' }, false],
  ])('%s', (_, who, expected) => {
    expect(isRevoked(caller(who))).toBe(expected);
  });

  it('never if it is an API key, which is revoked by itself', () => {
    const machine = { ...caller({ userId: 'leaver', tenantId: 'acme' }), credential: { kind: 'api_key', keyId: 'k' } };
    expect(isRevoked(machine as Caller)).toBe(false);
  });
});
