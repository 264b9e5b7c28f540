import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { keyTable } from '../../src/api-keys/key-record.ts';
import { hashOfSecret } from '../../src/api-keys/key-text.ts';
import { recordTable } from '../../src/shared-state/record-table.ts';
import { tenantTable } from '../../src/tenants/tenant-store.ts';
import { operatorOf } from '../support/operator.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';

const DAY_MS = 86_400_000;

let redis: TestRedis;
let operator: ReturnType<typeof operatorOf>;
let nowMs = Date.now();
const now = () => nowMs;
const command = (...args: [string, ...string[]]) => redis.client.call(...args);

beforeAll(async () => {
  redis = await startRedis();
  operator = operatorOf(redis, now);
});
afterAll(() => redis.stop());
afterEach(async () => {
  nowMs = Date.now();
  await redis.client.flushall();
});

describe('the store of API keys', () => {
  it('shows a key once, and keeps nothing that it could be used or guessed with', async () => {
    const { id, key } = await operator.keys.create({
      owner: 'billing',
      tenantId: 'tenant-1',
      scopes: ['read:tickets:own'],
    });
    expect(key).toMatch(/^psa_[0-9a-f]{16}_[\w-]{43}$/);
    expect(await operator.keys.list()).toEqual([
      {
        id,
        owner: 'billing',
        tenantId: 'tenant-1',
        roles: [],
        scopes: ['read:tickets:own'],
        createdAtMs: nowMs,
        status: 'active',
        oldSecretUntilMs: undefined,
        lastUsedAtMs: undefined,
      },
    ]);
    const secret = key.slice(`psa_${id}_`.length);
    expect(JSON.stringify(await redis.client.hgetall('psa:{state}:api-keys'))).not.toContain(secret);
  });

  it('lists the keys of one tenant', async () => {
    await operator.keys.create({ owner: 'a', tenantId: 'tenant-1' });
    await operator.keys.create({ owner: 'b', tenantId: 'tenant-2' });
    expect((await operator.keys.list({ tenantId: 'tenant-2' })).map(({ owner }) => owner)).toEqual(['b']);
  });

  it('gives another secret on rotation, and says how long the old one is valid', async () => {
    const { id, key } = await operator.keys.create({ owner: 'billing' });
    const rotated = await operator.keys.rotate(id, { graceSeconds: 60 });
    expect(rotated?.key.startsWith(`psa_${id}_`)).toBe(true);
    expect(rotated?.key).not.toBe(key);
    expect((await operator.keys.show(id))?.oldSecretUntilMs).toBe(nowMs + 60_000);
    nowMs += 60_000;
    expect((await operator.keys.show(id))?.oldSecretUntilMs).toBeUndefined();
  });

  it('ends at a second rotation what the first one had replaced', async () => {
    const { id, key } = await operator.keys.create({ owner: 'billing' });
    for (let times = 0; times < 2; times++) await operator.keys.rotate(id, { graceSeconds: 60 });
    const record = await recordTable(keyTable, { command, now }).get(id);
    expect(record?.secrets).toHaveLength(2);
    expect(JSON.stringify(record)).not.toContain(hashOfSecret(key.slice(-43)));
  });

  it('rotates and revokes nothing that is not there, or is over', async () => {
    expect(await operator.keys.rotate('0123456789abcdef', { graceSeconds: 0 })).toBeUndefined();
    expect(await operator.keys.revoke('0123456789abcdef')).toBe(false);
    const { id } = await operator.keys.create({ owner: 'billing', expiresAtMs: nowMs + 1000 });
    nowMs += 1000;
    expect((await operator.keys.show(id))?.status).toBe('expired');
    expect(await operator.keys.rotate(id, { graceSeconds: 0 })).toBeUndefined();
    expect(await operator.keys.revoke(id)).toBe(true);
    expect((await operator.keys.show(id))?.status).toBe('revoked');
  });

  it('loses neither of a rotation and a revocation at the same time', async () => {
    const { id } = await operator.keys.create({ owner: 'billing' });
    await Promise.all([
      operator.keys.rotate(id, { graceSeconds: 60 }),
      operator.keys.revoke(id),
      operator.keys.rotate(id, { graceSeconds: 60 }),
    ]);
    expect((await operator.keys.show(id))?.status).toBe('revoked');
  });

  it('forgets a revoked key after 30 days', async () => {
    const { id } = await operator.keys.create({ owner: 'billing' });
    await operator.keys.revoke(id);
    nowMs += 30 * DAY_MS - 1;
    expect(await operator.keys.list()).toHaveLength(1);
    nowMs += 1;
    expect(await operator.keys.list()).toEqual([]);
  });

  it.each([
    [{ owner: '' }, /owner/],
    [{ owner: 'a', tenantId: 'a\nb' }, /tenantId/],
    [{ owner: 'a', roles: ['x'.repeat(256)] }, /roles/],
    [{ owner: 'a', expiresAtMs: 1 }, /expiresAtMs/],
  ])('refuses %j', async (key, what) => {
    await expect(operator.keys.create(key)).rejects.toThrow(what);
  });
});

describe('the store of revocations', () => {
  it('lists what is revoked until no token can be left that it is about', async () => {
    const revokedAtMs = Math.floor(nowMs / 1000) * 1000;
    const expSeconds = revokedAtMs / 1000 + 60;
    await operator.revocations.revokeToken({ jti: 'a:b', expiresAtSeconds: expSeconds });
    await operator.revocations.revokeUser('user-1');
    await operator.revocations.revokeTenant('tenant-1');
    expect(await operator.revocations.list()).toEqual([
      { kind: 'jti', subject: 'a:b', revokedAtMs, expiresAtMs: (expSeconds + 60) * 1000 },
      { kind: 'tenant', subject: 'tenant-1', revokedAtMs, expiresAtMs: nowMs + 3_660_000 },
      { kind: 'user', subject: 'user-1', revokedAtMs, expiresAtMs: nowMs + 3_660_000 },
    ]);
    nowMs += 180_000;
    expect(await operator.revocations.list()).toHaveLength(2);
    nowMs += 3_600_000;
    expect(await operator.revocations.list()).toEqual([]);
  });

  it('refuses a subject that no claim can be', async () => {
    await expect(operator.revocations.revokeUser('')).rejects.toThrow(RangeError);
  });
});

describe('the store of tenants', () => {
  it('keeps plan, name and status of a tenant, each without touching the others', async () => {
    expect(await operator.tenants.show('tenant-1')).toBeUndefined();
    await Promise.all([
      operator.tenants.setPlan('tenant-1', 'premium'),
      operator.tenants.rename('tenant-1', 'Acme'),
      operator.tenants.suspend('tenant-1'),
    ]);
    const suspended = { id: 'tenant-1', name: 'Acme', plan: 'premium', status: 'suspended' };
    expect(await operator.tenants.show('tenant-1')).toEqual(suspended);
    expect(await operator.tenants.activate('tenant-1')).toEqual({ ...suspended, status: 'active' });
    expect(await operator.tenants.list()).toEqual([{ ...suspended, status: 'active' }]);
  });
});

describe('a tenant that no claim can name', () => {
  it.each(['', 'a\nb', 'x'.repeat(256)])('gets no record: %j', async (id) => {
    await expect(operator.tenants.suspend(id)).rejects.toThrow(RangeError);
    expect(await operator.tenants.list()).toEqual([]);
  });
});

describe('a table of records', () => {
  it('is full at its bound, and has room again when records have expired', async () => {
    const table = recordTable({ ...tenantTable, maxRecords: 2 }, { command, now });
    const write = (id: string, expiresAtMs?: number) =>
      table.update(id, () => ({ value: { status: 'active' }, expiresAtMs }));
    await write('a');
    // Redis removes what expired more than a minute ago.
    await write('b', nowMs - 61_000);
    await write('c');
    await expect(write('d')).rejects.toThrow(/holds 2 records/);
    await write('a');
    expect((await table.list()).map(({ id }) => id)).toEqual(['a', 'c']);
    expect(await redis.client.zcard('psa:{state}:tenants:expiries')).toBe(0);
  });

  it('shows nothing that is not what a record must be', async () => {
    const table = recordTable(tenantTable, { command, now });
    const texts = ['', 'null', '{}', '[]', '{"revision":1,"value":{"status":"odd"}}', '{"value":{"status":"active"}}'];
    for (const [index, text] of texts.entries()) await redis.client.hset('psa:{state}:tenants', `t${index}`, text);
    expect(await table.list()).toEqual([]);
    expect(await table.get('t0')).toBeUndefined();
    // As long as a hash, and yet nothing that one can be compared with.
    const key = { owner: 'o', roles: [], scopes: [], secrets: [{ hash: '\u00e9'.repeat(64) }], createdAtMs: 1 };
    await redis.client.hset('psa:{state}:api-keys', 'k', JSON.stringify({ revision: 1, value: key }));
    expect(await recordTable(keyTable, { command, now }).get('k')).toBeUndefined();
  });
});
