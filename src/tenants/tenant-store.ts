import { z } from 'zod';
import { recordTable } from '../shared-state/record-table.ts';
import type { SendCommand, TableDefinition } from '../shared-state/stored-record.ts';

const tenant = z.object({
  /** For people. */
  name: z.string().optional(),
  /** A name among the plans of `gateway.yaml`; without it the default one. */
  plan: z.string().optional(),
  status: z.enum(['active', 'suspended']),
});

/** What the operator keeps of a tenant. One without a record is active, on the default plan. */
export type TenantRecord = z.output<typeof tenant>;

export const tenantTable: TableDefinition<TenantRecord> = { name: 'tenants', maxRecords: 10_000, schema: tenant };

/** A tenant as the operator sees it. */
export interface ListedTenant extends TenantRecord {
  readonly id: string;
}

/** Keeps tenants, for the operator's command. Every worker of every machine knows of a change within a second. */
export interface TenantStore {
  /** Those that have a record. */
  list(): Promise<readonly ListedTenant[]>;
  /** Undefined if there is no record: the tenant, if it exists, is active and on the default plan. */
  show(id: string): Promise<ListedTenant | undefined>;
  /** Makes a record if there is none. Whether the plan exists is for the caller to check. */
  setPlan(id: string, plan: string): Promise<ListedTenant>;
  /** Makes a record if there is none. */
  rename(id: string, name: string): Promise<ListedTenant>;
  /** Its callers get 403 `tenant_suspended` wherever a caller is asked for. Makes a record if there is none. */
  suspend(id: string): Promise<ListedTenant>;
  activate(id: string): Promise<ListedTenant>;
}

/** The bounds of the claim that it is compared with. */
const ID = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/**
 * Opens the tenants over any link to Redis.
 * @throws {RangeError} (from what changes a tenant) for an id that no claim can have
 */
export function tenantStore({ command, now }: { command: SendCommand; now: () => number }): TenantStore {
  const table = recordTable(tenantTable, { command, now });
  const change = async (id: string, changed: Partial<TenantRecord>): Promise<ListedTenant> => {
    if (!ID.test(id)) throw new RangeError('expected 1 to 255 characters, none of them a control character');
    const written = await table.update(id, (current) => ({ value: { status: 'active', ...current, ...changed } }));
    return { id, status: 'active', ...written };
  };
  return {
    list: async () => (await table.list()).map(({ id, value }) => ({ id, ...value })),
    async show(id) {
      const found = await table.get(id);
      return found === undefined ? undefined : { id, ...found };
    },
    setPlan: (id, plan) => change(id, { plan }),
    rename: (id, name) => change(id, { name }),
    suspend: (id) => change(id, { status: 'suspended' }),
    activate: (id) => change(id, { status: 'active' }),
  };
}
