import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import type { TenantRecord } from './tenant-store.ts';

/**
 * Stage: finds what the operator keeps of the caller's tenant. Which tenant that is, only the verified token or the API
 * key says, never a header of the client.
 */
export function findTenant({ tenants }: { tenants: { get(id: string): TenantRecord | undefined } }) {
  return function findTenant(req, _res, next) {
    const context = contextOf(req);
    const id = context.caller?.tenantId;
    const record = id === undefined ? undefined : tenants.get(id);
    if (id !== undefined && record !== undefined) {
      context.tenant = { id, status: record.status, plan: record.plan };
    }
    next();
  } satisfies RequestHandler;
}
