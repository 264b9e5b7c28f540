import { keyStore } from '../../src/api-keys/key-store.ts';
import { revocationStore } from '../../src/revocation/revocation-store.ts';
import { tenantStore } from '../../src/tenants/tenant-store.ts';
import type { TestRedis } from './redis-server.ts';

/** What the operator's command does, on a Redis of a test. */
export function operatorOf(redis: Pick<TestRedis, 'client'>, now: () => number = Date.now) {
  const command = (...args: [string, ...string[]]) => redis.client.call(...args);
  return {
    keys: keyStore({ command, now }),
    revocations: revocationStore({ command, now, longestTokenLifeSeconds: 3600 }),
    tenants: tenantStore({ command, now }),
  };
}
