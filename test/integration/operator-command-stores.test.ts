import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { keyStore } from '../../src/api-keys/key-store.ts';
import { lastEvents } from '../../src/audit/audit-stream.ts';
import { revocationStore } from '../../src/revocation/revocation-store.ts';
import { minimalFile } from '../support/configuration.ts';
import { tokenFor } from '../support/gateway.ts';
import { type OperatorCommand, operatorCommand } from '../support/operator-command.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';

let redis: TestRedis;
let gateway: OperatorCommand;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.client.flushall();
  gateway = await operatorCommand({ redisPort: redis.port, file: minimalFile });
});
afterEach(() => gateway.close());

const command = (...[name, ...args]: [string, ...string[]]) => redis.client.call(name, ...args);
const commandsOnRecord = async () => (await lastEvents({ command }, 100)).map((event) => event.command);

describe('gateway keys', () => {
  const create = async (...options: string[]) =>
    (await gateway.run(['keys', 'create', '--owner', 'billing', '--json', ...options])).json<{
      id: string;
      key: string;
    }>();

  it('shows a new key once, and never again', async () => {
    const { id, key } = await create('--tenant', 'acme', '--scopes', 'read:tickets,write:tickets', '--expires', '90d');
    expect(key).toMatch(/^psa_[0-9a-f]{16}_[\w-]{43}$/);
    const list = await gateway.run(['keys', 'list']);
    expect(list.stdout).toMatch(
      new RegExp(`^${id} +billing +acme +read:tickets write:tickets +active +20\\S+Z +-$`, 'm'),
    );
    const everything = list.stdout + (await gateway.run(['keys', 'list', '--json'])).stdout;
    expect(everything).not.toContain(key.slice(-43));
    expect(JSON.stringify(await lastEvents({ command }, 100))).not.toContain(key.slice(-43));
  });

  it('rotates with a time of grace, and revokes, each on record', async () => {
    const { id, key } = await create();
    const rotated = await gateway.run(['keys', 'rotate', id, '--grace', '8h']);
    expect(rotated.stdout).toMatch(/^Old secret +valid for another 8 h$/m);
    expect(rotated.stdout).not.toContain(key);
    expect(await keyStore({ command, now: Date.now }).show(id)).toMatchObject({ oldSecretUntilMs: expect.any(Number) });
    expect((await gateway.run(['keys', 'revoke', id])).code).toBe(0);
    expect((await gateway.run(['keys', 'list', '--json'])).json()).toMatchObject([{ id, status: 'revoked' }]);
    expect(await commandsOnRecord()).toEqual(['keys create', 'keys rotate', 'keys revoke', 'keys list']);
  });

  it('shows one with all that it may do, and nothing of its secret', async () => {
    const store = keyStore({ command, now: Date.now });
    const may = { roles: ['agent'], scopes: ['read:tickets'] };
    const { id, key } = await store.create({ owner: 'billing', tenantId: 'acme', ...may });
    await store.rotate(id, { graceSeconds: 8 * 3600 });
    const { code, stdout } = await gateway.run(['keys', 'show', id]);
    expect(code).toBe(0);
    for (const line of [/^Owner +billing$/m, /^Roles +agent$/m, /^Status +active$/m, /^Old secret +valid until 20/m]) {
      expect(stdout).toMatch(line);
    }
    const json = await gateway.run(['keys', 'show', id, '--json']);
    expect(json.json()).toMatchObject({ id, tenantId: 'acme', scopes: ['read:tickets'], status: 'active' });
    expect(stdout + json.stdout).not.toContain(key.slice(-43));
    expect(json.stdout).not.toContain('hash');
    expect(await gateway.run(['keys', 'show', 'feedfeedfeedfeed'])).toMatchObject({ code: 1, stdout: '' });
  });

  it('lists those of one tenant', async () => {
    const { id } = await create('--tenant', 'acme');
    await create('--tenant', 'other');
    expect((await gateway.run(['keys', 'list', '--tenant', 'acme', '--json'])).json()).toMatchObject([{ id }]);
  });

  it('exits with 1 for a key that is not there, or has ended', async () => {
    const unknown = await gateway.run(['keys', 'revoke', 'feedfeedfeedfeed']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/^There is no such key: feedfeedfeedfeed\./);
    const { id } = await create();
    await gateway.run(['keys', 'revoke', id]);
    const ended = await gateway.run(['keys', 'rotate', id]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^That key is revoked/);
  });

  it.each([
    [['--owner', '']],
    [['--owner', 'x', '--tenant', '']],
    [['--owner', 'x', '--expires', 'soon']],
    [['--owner', 'x', '--scopes', 'a,,b']],
    [['--owner', 'x\u0007']],
    [[]],
  ])('exits with 2 and makes no key of %j', async (options) => {
    expect((await gateway.run(['keys', 'create', ...options])).code).toBe(2);
    expect(await keyStore({ command, now: Date.now }).list()).toEqual([]);
  });
});

describe('gateway revoke', () => {
  const revocations = () => revocationStore({ command, now: Date.now, longestTokenLifeSeconds: 60 }).list();

  it('revokes a token by its jti, or by the token itself until it expires', async () => {
    await gateway.run(['revoke', 'token', 'jti-1']);
    const exp = Math.floor(Date.now() / 1000) + 600;
    const { stdout } = await gateway.run(['revoke', 'token'], { input: tokenFor({ jti: 'jti-2', exp }) });
    expect(stdout).toBe('The token jti-2 is revoked. Every worker refuses it within a second.\n');
    const found = await revocations();
    expect(found.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['jti', 'jti-1'],
      ['jti', 'jti-2'],
    ]);
    expect(found[1]?.expiresAtMs).toBeLessThan((exp + 120) * 1000);
  });

  it('revokes a user and a tenant, lists it, and has all of it on record', async () => {
    await gateway.run(['revoke', 'user', 'ada']);
    await gateway.run(['revoke', 'tenant', 'acme']);
    const { stdout } = await gateway.run(['revoke', 'list']);
    expect(stdout).toMatch(/^tenant +acme +20\S+Z +20\S+Z$/m);
    expect(stdout).toMatch(/^user +ada /m);
    expect(await commandsOnRecord()).toEqual(['revoke user', 'revoke tenant', 'revoke list']);
  });

  it('lists also a token that says it ends after the end of all dates', async () => {
    await gateway.run(['revoke', 'token'], { input: tokenFor({ jti: 'jti-3', exp: 1e300 }) });
    expect((await gateway.run(['revoke', 'list'])).stdout).toMatch(/^token +jti-3 /m);
  });

  it('puts no e-mail address on record that a user has as id', async () => {
    await gateway.run(['revoke', 'user', 'ada@example.com']);
    expect(await commandsOnRecord()).toEqual(['revoke user']);
    expect(JSON.stringify(await lastEvents({ command }, 10))).not.toContain('example.com');
    expect((await revocations()).map(({ subject }) => subject)).toEqual(['ada@example.com']);
  });

  it('names the way for a token without a jti', async () => {
    const { code, stderr } = await gateway.run(['revoke', 'token'], { input: tokenFor({ sub: 'ada\u001b[2J' }) });
    expect(code).toBe(2);
    // And nothing that the terminal would obey.
    expect(stderr).toContain('gateway revoke user ada\\u001b[2J');
  });

  it.each([['token'], ['user'], ['tenant']])('exits with 2 and revokes nothing when no %s is given', async (what) => {
    expect((await gateway.run(['revoke', what, ''])).code).toBe(2);
    expect(await revocations()).toEqual([]);
  });

  it('works while gateway.yaml does not', async () => {
    await writeFile(join(gateway.folder, 'gateway.yaml'), 'routes: [');
    expect((await gateway.run(['revoke', 'user', 'ada'])).code).toBe(0);
  });
});

describe('gateway tenants', () => {
  it('suspends, activates and shows, each on record', async () => {
    const suspended = await gateway.run(['tenants', 'suspend', 'acme']);
    expect(suspended.stdout).toBe('Tenant  acme\nPlan    the default\nStatus  suspended\n');
    expect((await gateway.run(['tenants', 'activate', 'acme', '--json'])).json()).toEqual({
      id: 'acme',
      status: 'active',
    });
    expect((await gateway.run(['tenants', 'show', 'acme', '--json'])).json()).toMatchObject({ status: 'active' });
    expect((await gateway.run(['tenants', 'list'])).stdout).toMatch(/^acme +- +the default +active$/m);
    expect(await commandsOnRecord()).toEqual(['tenants suspend', 'tenants activate', 'tenants show', 'tenants list']);
  });

  it('exits with 1 for one without a record', async () => {
    expect((await gateway.run(['tenants', 'show', 'nobody'])).code).toBe(1);
  });
});
