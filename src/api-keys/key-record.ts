import { z } from 'zod';
import type { TableDefinition } from '../shared-state/stored-record.ts';

const keyRecord = z.object({
  /** For people. */
  name: z.string().optional(),
  /** Who answers for it: a person or a team, as the operator calls them. */
  owner: z.string(),
  tenantId: z.string().optional(),
  roles: z.array(z.string()),
  /** Such as `read:tickets:own`. */
  scopes: z.array(z.string()),
  /** Names of policies of `gateway.yaml` that limit this key besides those of its routes. */
  limits: z.array(z.string()).optional(),
  /** SHA-256 of the secrets, in hex, newest first. Those that were replaced are valid for a while longer. */
  secrets: z.array(z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/), validUntilMs: z.number().optional() })).min(1),
  createdAtMs: z.number(),
  expiresAtMs: z.number().optional(),
  revokedAtMs: z.number().optional(),
});

/** An API key as it is kept: everything but its secret. */
export type KeyRecord = z.output<typeof keyRecord>;

/** At most so many: some 10 MB in each worker. */
export const keyTable: TableDefinition<KeyRecord> = { name: 'api-keys', maxRecords: 10_000, schema: keyRecord };

/** When a key was last used, in milliseconds since 1970: a key of Redis that goes by itself when it is long ago. */
export function lastUseKey(id: string): string {
  return `psa:{state}:api-key-used:${id}`;
}
