import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { lastEvents } from '../../src/audit/audit-stream.ts';
import { call } from '../support/call.ts';
import { minimalFile } from '../support/configuration.ts';
import { freePort } from '../support/free-port.ts';
import { bearer, secret, startGateway, tokenFor } from '../support/gateway.ts';
import { type OperatorCommand, operatorCommand } from '../support/operator-command.ts';
import { quickest } from '../support/quickest.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

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

const development = { NODE_ENV: 'development' };
const link = { command: (...[name, ...args]: [string, ...string[]]) => redis.client.call(name, ...args) };
const records = async () => (await lastEvents(link, 100)).filter(({ event }) => event === 'operator_command');

describe('npx gateway', () => {
  it('teaches: help with examples, and what is meant by a typing error', async () => {
    const help = await gateway.run(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/Examples:[\s\S]*\$ npx gateway[\s\S]*Exit codes:/);
    const names = [...help.stdout.matchAll(/^ {2}([a-z]+) .* {2,}\S/gm)].map(([, name = '']) => name);
    expect(names).toEqual(expect.arrayContaining(['check', 'token', 'explain', 'audit']));
    const typo = await gateway.run(['chekc']);
    expect(typo).toMatchObject({ code: 2, stdout: '' });
    expect(typo.stderr).toContain('Did you mean check?');
  });

  it.each([
    [[]],
    [['check', '--jsno']],
    [['explain']],
    [['audit', '-n', '0']],
    [['token', 'issue', 'x', '--expires', '1y']],
  ])('exits with 2 when used wrongly: %j', async (args) => {
    const { code, stdout } = await gateway.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('says where Redis is and why it is not reached, without its password, within 3 s', async () => {
    const port = await freePort();
    const url = `redis://:hush-hush@127.0.0.1:${port}`;
    const tookMs = await quickest(3000, async () => {
      const { code, stdout, stderr } = await gateway.run(['explain', 'a'.repeat(32), '--json'], {
        env: { REDIS_URL: url },
      });
      expect({ code, stdout, stderr }).toEqual({
        code: 3,
        stdout: '',
        stderr: `Redis at 127.0.0.1:${port} can't be reached: connect ECONNREFUSED 127.0.0.1:${port}.\n`,
      });
    });
    expect(tookMs).toBeLessThan(3000);
  });

  it.each([
    ['asks for a password', '', 'it asks for a password (REDIS_PASSWORD)'],
    ['refuses the one it got', ':wrong@', 'user or password is wrong (REDIS_USERNAME, REDIS_PASSWORD)'],
  ])('says in words of the settings when Redis %s', async (_what, user, reason) => {
    await redis.client.config('SET', 'requirepass', 'hush-hush');
    try {
      const env = { REDIS_URL: `redis://${user}127.0.0.1:${redis.port}` };
      const { code, stderr } = await gateway.run(['keys', 'list'], { env });
      expect({ code, stderr }).toEqual({
        code: 3,
        stderr: `Redis at 127.0.0.1:${redis.port} can't be reached: ${reason}.\n`,
      });
    } finally {
      await redis.client.config('SET', 'requirepass', '');
    }
  });

  it('waits for a frozen Redis no longer than 3 s', async () => {
    redis.freeze();
    try {
      const tookMs = await quickest(3500, async () => {
        const { code, stderr } = await gateway.run(['audit']);
        expect(code).toBe(3);
        expect(stderr).toMatch(/^Redis at .* can't be reached: .*\.\n$/);
      });
      expect(tookMs).toBeLessThan(3500);
    } finally {
      redis.thaw();
    }
  });

  it('prints no colours into a pipe, and no stack anywhere', async () => {
    const outputs = [
      await gateway.run(['check'], { env: { PORT: 'x' } }),
      await gateway.run(['audit']),
      await gateway.run(['explain', 'x']),
    ];
    const all = outputs.map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(all).not.toContain('\u001b');
    expect(all).not.toMatch(/\n\s+at /);
  });
});

describe('gateway check', () => {
  it('finds nothing in what is right', async () => {
    const { code, stdout } = await gateway.run(['check']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'The configuration is valid: 1 upstream, 1 route.\n' });
  });

  it('finds everything that is wrong, with line and column, for people and for programs', async () => {
    await writeFile(join(gateway.folder, 'gateway.yaml'), minimalFile.replace('upstream: crm', 'upstream: crn'));
    await writeFile(join(gateway.folder, '.env'), '# ports\nPORT=many\n');
    const people = await gateway.run(['check']);
    expect(people.code).toBe(1);
    expect(people.stdout).toMatch(/^gateway\.yaml:6:5 .*expected one of crm, got "crn"$/m);
    expect(people.stdout).toMatch(/^\.env:2 +PORT +expected a whole number/m);
    const programs = await gateway.run(['check', '--json']);
    expect(programs.code).toBe(1);
    expect(programs.json<{ findings: { where: string }[] }>().findings.map(({ where }) => where)).toEqual([
      '.env:2',
      'gateway.yaml:6:5',
    ]);
  });

  it('never repeats a secret', async () => {
    const { stdout, stderr } = await gateway.run(['check'], { env: { JWT_SECRET: 'too-short-to-show' } });
    expect(stdout + stderr).not.toContain('too-short');
  });
});

describe('gateway token', () => {
  it('issues what the gateway accepts', async () => {
    const issued = await gateway.run(['token', 'issue', 'ada', '--roles', 'agent,manager', '--tenant', 'acme'], {
      env: development,
    });
    expect(issued.code).toBe(0);
    const inspected = await gateway.run(['token', 'inspect', '--json'], { input: issued.stdout });
    expect(inspected.code).toBe(0);
    expect(inspected.json()).toMatchObject({
      accepted: true,
      claims: { sub: 'ada', roles: ['agent', 'manager'], tenantId: 'acme', jti: expect.any(String) },
    });
  });

  it('issues none in production, unless forced, and then on record', async () => {
    const refused = await gateway.run(['token', 'issue', 'ada']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--force');
    const forced = await gateway.run(['token', 'issue', 'ada', '--force']);
    expect(forced.stdout).toMatch(/^eyJ/);
    expect(await records()).toMatchObject([
      { command: 'token issue', target: 'ada', by: expect.any(String), count: 1 },
    ]);
  });

  it('prints none that it could not put on record', async () => {
    const env = { REDIS_PORT: String(await freePort()) };
    const { code, stdout } = await gateway.run(['token', 'issue', 'ada', '--force'], { env });
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  });

  it.each([
    ['expired', tokenFor({ exp: 1 }), 'token_expired'],
    ['for another API', tokenFor({}, { audience: 'other' }), 'token_claims_invalid'],
    ['unsigned', `${Buffer.from('{"alg":"none"}').toString('base64url')}.eyJzdWIiOiJ4In0.`, 'token_signature_invalid'],
  ])('tells why one is refused that is %s', async (_what, token, reason) => {
    const inspected = await gateway.run(['token', 'inspect', '--json'], { input: `${token}\n` });
    expect(inspected.code).toBe(1);
    expect(inspected.json()).toMatchObject({ accepted: false, reason, whatHelps: expect.any(String) });
    expect(inspected.stdout).not.toContain(token);
  });

  it('shows what a terminal would obey in a token, also in the names of its claims', async () => {
    const claims = { '\u001b[2J': '\u001b[8m', note: '\u009b8m\u202e' };
    for (const format of [[], ['--json']]) {
      const { stdout } = await gateway.run(['token', 'inspect', ...format], { input: tokenFor(claims) });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(stdout).toContain('\\u001b[2J');
    }
  });

  it('tells whether a token depends on an old secret, and repeats neither', async () => {
    const env = { JWT_SECRET: `${'n'.repeat(40)},${secret}` };
    const { stdout } = await gateway.run(['token', 'inspect'], { env, input: tokenFor() });
    expect(stdout).toContain('secret 2 of 2, an old one');
    expect(stdout).not.toMatch(/nnnn|test-only|eyJ/);
  });
});

describe('gateway explain', () => {
  it('tells the operator what the caller is told, and more, and is on record', async () => {
    const port = await freePort();
    const worker = await startGateway({ upstreams: { crm: port }, redisPort: redis.port });
    try {
      const answer = await call(`${worker.url}/api/crm/x`, { headers: bearer() });
      const id = String(answer.headers['x-request-id']);
      await until('the entry', async () => (await redis.client.exists(`psa:explain:${id}`)) === 1);
      const { code, stdout } = await gateway.run(['explain', id]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Refused +502 upstream_connect_failed$/m);
      expect(stdout).toMatch(new RegExp(`^Asked last +http://127\\.0\\.0\\.1:${port}$`, 'm'));
      expect((await gateway.run(['explain', id, '--json'])).json()).toMatchObject({ requestId: id, user: 'user-1' });
      expect(await records()).toMatchObject([
        { command: 'explain', target: id },
        { command: 'explain', target: id },
      ]);
    } finally {
      await worker.stop();
    }
  });

  it('exits with 1 when nothing is known', async () => {
    const { code, stdout } = await gateway.run(['explain', 'f'.repeat(32), '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ requestId: 'f'.repeat(32), known: false });
  });

  it('shows what a terminal would obey', async () => {
    const id = 'a'.repeat(32);
    const entry = { requestId: id, reason: 'auth_missing', status: 401, detail: '\u001b[2Jgone', limits: [] };
    await redis.client.set(`psa:explain:${id}`, JSON.stringify(entry));
    expect((await gateway.run(['explain', id])).stdout).toContain('\\u001b[2Jgone');
  });

  it('works while gateway.yaml does not', async () => {
    await writeFile(join(gateway.folder, 'gateway.yaml'), 'routes: [');
    expect((await gateway.run(['explain', 'f'.repeat(32)])).code).toBe(1);
    expect((await gateway.run(['check'])).code).toBe(1);
  });
});

describe('gateway audit', () => {
  const refusal = (fields: Record<string, string>) =>
    redis.client.xadd('psa:audit', '*', ...Object.entries({ event: 'refused', count: '1', ...fields }).flat());

  it('shows the last events in order, those that were asked for, and leaves no record', async () => {
    for (const [index, user] of ['ada', 'bo', 'ada'].entries()) {
      await refusal({ time: `2026-01-01T00:00:0${index}.000Z`, reason: 'token_expired', status: '401', user });
    }
    const { stdout } = await gateway.run(['audit']);
    expect(stdout.match(/^2026\S+/gm)).toEqual([
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:01Z',
      '2026-01-01T00:00:02Z',
    ]);
    const ofAda = await gateway.run(['audit', '--user', 'ada', '-n', '1', '--json']);
    expect(ofAda.json()).toMatchObject([{ time: '2026-01-01T00:00:02.000Z', status: 401, count: 1, user: 'ada' }]);
    expect((await gateway.run(['audit', '--event', 'login_failed'])).stdout).toBe('There are no such events.\n');
    expect(await records()).toEqual([]);
  });

  it('finds a client by the address that the log does not have', async () => {
    const worker = await startGateway({ upstreams: { crm: 1 }, redisPort: redis.port });
    try {
      for (const address of ['203.0.113.9', '203.0.113.10']) {
        await call(`${worker.url}/api/crm/x`, { headers: { 'x-forwarded-for': address } });
      }
      await until('two events', async () => (await lastEvents(link, 10)).length === 2);
      const found = await gateway.run(['audit', '--client', '203.0.113.10', '--json']);
      expect(found.json<unknown[]>()).toHaveLength(1);
    } finally {
      await worker.stop();
    }
  });

  it('follows until Ctrl+C', async () => {
    await refusal({ time: '2026-01-01T00:00:00.000Z', user: 'before' });
    const following = gateway.start(['audit', '--follow']);
    await until('the first', () => following.output().includes('user=before'));
    await refusal({ time: '2026-01-01T00:00:01.000Z', user: 'later' });
    await until('the next', () => following.output().includes('user=later'));
    await refusal({ time: '2026-01-01T00:00:02.000Z', user: '\u001b[2J\nlast' });
    await until('what a terminal would obey', () => following.output().includes('user=\\u001b[2J\\u000alast'));
    expect(await following.stop()).toBe(0);
  });

  it('ends with 3 and one sentence when Redis goes while it follows', async () => {
    const other = await startRedis();
    const watching = await operatorCommand({ redisPort: other.port, file: minimalFile });
    try {
      await other.client.xadd('psa:audit', '*', 'event', 'refused', 'count', '1', 'user', 'before');
      const following = watching.start(['audit', '--follow']);
      await until('the first', () => following.output().includes('user=before'));
      await other.kill();
      expect(await following.ended).toBe(3);
      expect(following.errors()).toMatch(/^Redis at 127\.0\.0\.1:\d+ did not do it: [^\n]+[^.]\.\n$/);
      expect(following.errors()).not.toContain('enableOfflineQueue');
    } finally {
      await watching.close();
      await other.stop();
    }
  });

  it('is in audit.log too, if that is there, and never creates it', async () => {
    await gateway.run(['explain', 'f'.repeat(32)]);
    const path = join(gateway.folder, 'logs', 'audit.log');
    await expect(readFile(path)).rejects.toThrow('ENOENT');
    await mkdir(join(gateway.folder, 'logs'));
    await writeFile(path, '');
    await gateway.run(['explain', 'f'.repeat(32)]);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ event: 'operator_command', command: 'explain' });
  });
});
