import { Problem } from './problem.ts';

interface Owned {
  id: string;
  tenantId: string;
}

/** Records in memory, each seen by its own tenant only. */
export interface TenantStore<Item extends Owned> {
  list: (tenantId: string) => Item[];
  has: (tenantId: string, id: string) => boolean;
  /** @throws Problem 404; also for another tenant's record, so that nobody learns that it exists */
  get: (tenantId: string, id: string) => Item;
  put: (item: Item) => Item;
  remove: (tenantId: string, id: string) => void;
}

/** A store that starts with copies of the seeds; `noun` is how its records are called in a 404. */
export function tenantStore<Item extends Owned>(noun: string, seeds: readonly Item[]): TenantStore<Item> {
  const tenants = new Map<string, Map<string, Item>>();
  for (const seed of seeds) put({ ...seed });
  return { list, has, get, put, remove };

  function list(tenantId: string): Item[] {
    return [...(tenants.get(tenantId)?.values() ?? [])];
  }

  function has(tenantId: string, id: string): boolean {
    return tenants.get(tenantId)?.has(id) ?? false;
  }

  function get(tenantId: string, id: string): Item {
    const item = tenants.get(tenantId)?.get(id);
    if (!item) throw new Problem({ status: 404, detail: `There is no ${noun} "${id}" in your tenant.` });
    return item;
  }

  function put(item: Item): Item {
    const items = tenants.get(item.tenantId) ?? new Map<string, Item>();
    tenants.set(item.tenantId, items.set(item.id, item));
    return item;
  }

  function remove(tenantId: string, id: string): void {
    tenants.get(tenantId)?.delete(id);
  }
}
