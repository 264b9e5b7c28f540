import { z } from 'zod';
import { recordTable } from '../shared-state/record-table.ts';
import type { SendCommand, TableDefinition } from '../shared-state/stored-record.ts';

/** What is revoked: one token, all of a user so far, or all of a tenant so far. */
export type RevocationKind = 'jti' | 'user' | 'tenant';

const revocation = z.object({
  /** Seconds since 1970: what was issued in this second or before is revoked. */
  issuedUntilSeconds: z.number(),
});
export type Revocation = z.output<typeof revocation>;

/** At most this many at a time: some 50 MB in each worker. */
export const revocationTable: TableDefinition<Revocation> = {
  name: 'revocations',
  maxRecords: 200_000,
  schema: revocation,
};

/** A revocation as the operator sees it. */
export interface ListedRevocation {
  readonly kind: RevocationKind;
  /** The `jti`, the user's id or the tenant's. */
  readonly subject: string;
  readonly revokedAtMs: number;
  readonly expiresAtMs: number | undefined;
}

/** Revokes tokens, for the operator's command. Every worker of every machine knows within a second. */
export interface RevocationStore {
  /**
   * One token, by its `jti`.
   * @param expiresAtSeconds the `exp` of the token, after which the entry is not needed; if unknown, it is kept as long as
   * the longest-lived token
   */
  revokeToken(token: { readonly jti: string; readonly expiresAtSeconds?: number | undefined }): Promise<void>;
  /** All tokens of a user that were issued until now. A token without `iat` was issued before. API keys stay valid. */
  revokeUser(userId: string): Promise<void>;
  /** All tokens of a tenant that were issued until now; API keys stay valid. */
  revokeTenant(tenantId: string): Promise<void>;
  /** What is revoked at the moment. */
  list(): Promise<readonly ListedRevocation[]>;
}

/** An `exp` is believed with some leeway, so its token's entry lives a little longer. */
const LEEWAY_MS = 60_000;

/** It becomes part of a line for people, and is compared with claims of verified tokens, which have the same bounds. */
const SUBJECT = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/**
 * Opens the revocations over any link to Redis. There is no way to take one back: a valid user logs in again, and what is
 * never taken back can be restored from any worker's memory.
 * @param longestTokenLifeSeconds `revocation.longestTokenLifeSeconds` of `gateway.yaml`
 */
export function revocationStore({
  command,
  now,
  longestTokenLifeSeconds,
}: {
  command: SendCommand;
  now: () => number;
  longestTokenLifeSeconds: number;
}): RevocationStore {
  const table = recordTable(revocationTable, { command, now });
  const revoke = async ({ kind, subject, untilMs }: { kind: RevocationKind; subject: string; untilMs: number }) => {
    if (!SUBJECT.test(subject)) throw new RangeError('expected 1 to 255 characters, none of them a control character');
    const value = { issuedUntilSeconds: Math.floor(now() / 1000) };
    await table.update(revocationId(kind, subject), () => ({ value, expiresAtMs: untilMs + LEEWAY_MS }));
  };
  const longestMs = () => now() + longestTokenLifeSeconds * 1000;
  return {
    revokeToken: ({ jti, expiresAtSeconds }) =>
      revoke({
        kind: 'jti',
        subject: jti,
        untilMs: expiresAtSeconds === undefined ? longestMs() : expiresAtSeconds * 1000,
      }),
    revokeUser: (userId) => revoke({ kind: 'user', subject: userId, untilMs: longestMs() }),
    revokeTenant: (tenantId) => revoke({ kind: 'tenant', subject: tenantId, untilMs: longestMs() }),
    list: async () =>
      (await table.list()).map(({ id, value, expiresAtMs }) => ({
        kind: id.slice(0, id.indexOf(':')) as RevocationKind,
        subject: id.slice(id.indexOf(':') + 1),
        revokedAtMs: value.issuedUntilSeconds * 1000,
        expiresAtMs,
      })),
  };
}

/** Under which a revocation is kept. */
export function revocationId(kind: RevocationKind, subject: string): string {
  return `${kind}:${subject}`;
}
