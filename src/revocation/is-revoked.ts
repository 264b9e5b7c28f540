import type { Caller } from '../context.ts';
import { type Revocation, type RevocationKind, revocationId } from './revocation-store.ts';

/** What this worker knows of revocations. */
export interface KnownRevocations {
  get(id: string): Revocation | undefined;
  readonly size: number;
}

/**
 * Returns a function that tells whether the token of a caller has been revoked. API keys are not asked about: each is
 * revoked by itself, and a tenant's are all refused while it is suspended.
 */
export function revocationsOf(known: KnownRevocations): (caller: Caller) => boolean {
  const untilSeconds = (kind: RevocationKind, subject: string | undefined) =>
    subject === undefined ? undefined : known.get(revocationId(kind, subject))?.issuedUntilSeconds;
  return function isRevoked({ credential, userId, tenantId }) {
    if (known.size === 0 || credential.kind !== 'token') return false;
    if (untilSeconds('jti', credential.jti) !== undefined) return true;
    // `iat` counts seconds, so a token of the same second may be from before. Without one it may be from any time.
    const issuedAtSeconds = Math.floor(credential.issuedAtSeconds ?? 0);
    const isBefore = (revokedSeconds: number | undefined) =>
      revokedSeconds !== undefined && issuedAtSeconds <= revokedSeconds;
    return isBefore(untilSeconds('user', userId)) || isBefore(untilSeconds('tenant', tenantId));
  };
}
