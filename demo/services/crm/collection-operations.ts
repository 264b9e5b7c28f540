import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { type Caller, readCaller } from '../shared/caller.ts';
import { type Operation, operation } from '../shared/operation.ts';
import { cutPage, pageOf, pageQuery, search } from '../shared/paging.ts';
import type { TenantStore } from '../shared/tenant-store.ts';

interface Identified {
  id: string;
  tenantId: string;
  createdAt: string;
}

interface Collection<Item extends Identified> {
  /** `/companies` */
  path: string;
  /** `Company`: the name in texts and schemas. */
  noun: string;
  store: TenantStore<Item>;
  schema: z.ZodType<Item>;
  bodies: Readonly<Record<'create' | 'replace' | 'change', z.ZodType<object>>>;
  /** The texts in which a search looks. */
  texts: (item: Item) => string[];
  /** Throws a 400 problem for what a schema can't see. */
  checkBeforePut?: (item: Item) => void;
  /** What stands in the way of a deletion: told in the OpenAPI document, and thrown as a 409 problem. */
  deletion?: { conflict: string; check: (item: Item) => void };
}

/** List, read, create, replace, change and delete, within the caller's tenant. */
export function collectionOperations<Item extends Identified>(collection: Collection<Item>): Operation[] {
  return [...readOperations(collection), ...writeOperations(collection), deleteOperation(collection)];
}

function readOperations<Item extends Identified>({ path, noun, store, schema, texts }: Collection<Item>): Operation[] {
  return [
    operation({
      method: 'get',
      path,
      summary: `Lists the ${path.slice(1)} of the tenant`,
      identify: readCaller,
      query: pageQuery,
      success: { status: 200, description: 'A page', schema: pageOf(schema, `${noun}Page`) },
      handle: ({ caller, query }) => cutPage(search(store.list(caller.tenantId), { q: query.q, texts }), query),
    }),
    operation({
      method: 'get',
      path: `${path}/{id}`,
      summary: `Reads one ${noun.toLowerCase()}`,
      identify: readCaller,
      success: { status: 200, description: noun, schema },
      problems: notFound(noun),
      handle: ({ id, caller }) => store.get(caller.tenantId, id),
    }),
  ];
}

function writeOperations<Item extends Identified>(collection: Collection<Item>): Operation[] {
  const { path, noun, bodies, store, schema } = collection;
  const shared = {
    identify: readCaller,
    success: { status: 200, description: `The ${noun.toLowerCase()} now`, schema },
  };
  return [
    operation({
      ...shared,
      method: 'post',
      path,
      summary: `Creates a ${noun.toLowerCase()}`,
      body: bodies.create,
      success: { status: 201, description: `The new ${noun.toLowerCase()}`, schema },
      location: ({ id }) => `${path}/${id}`,
      handle: ({ caller, body }) => put({ ...body, ...identityOfNew(caller) }),
    }),
    operation({
      ...shared,
      method: 'put',
      path: `${path}/{id}`,
      summary: `Replaces every field of a ${noun.toLowerCase()}`,
      body: bodies.replace,
      problems: notFound(noun),
      handle: ({ id, caller, body }) => {
        const { tenantId, createdAt } = store.get(caller.tenantId, id);
        return put({ ...body, id, tenantId, createdAt });
      },
    }),
    operation({
      ...shared,
      method: 'patch',
      path: `${path}/{id}`,
      summary: `Changes some fields of a ${noun.toLowerCase()}`,
      body: bodies.change,
      problems: notFound(noun),
      handle: ({ id, caller, body }) => put({ ...store.get(caller.tenantId, id), ...body }),
    }),
  ];

  function put(candidate: object): Item {
    const item = schema.parse({ ...candidate, updatedAt: new Date().toISOString() });
    collection.checkBeforePut?.(item);
    return store.put(item);
  }
}

function deleteOperation<Item extends Identified>({ path, noun, store, deletion }: Collection<Item>): Operation {
  return operation({
    method: 'delete',
    path: `${path}/{id}`,
    summary: `Deletes a ${noun.toLowerCase()}`,
    identify: readCaller,
    success: { status: 204, description: 'It is gone' },
    problems: { ...notFound(noun), ...(deletion ? { 409: deletion.conflict } : {}) },
    handle: ({ id, caller }) => {
      const item = store.get(caller.tenantId, id);
      deletion?.check(item);
      store.remove(caller.tenantId, id);
    },
  });
}

function identityOfNew({ tenantId }: Caller) {
  return { id: randomUUID(), tenantId, createdAt: new Date().toISOString() };
}

function notFound(noun: string) {
  return { 404: `There is no ${noun.toLowerCase()} "…" in your tenant.` };
}
