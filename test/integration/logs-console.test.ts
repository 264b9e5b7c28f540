import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { call } from '../support/call.ts';
import { freePort } from '../support/free-port.ts';
import { audience, bearer, issuer, secret, tokenFor } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { sendRaw } from '../support/raw-client.ts';
import { rawRequest } from '../support/raw-request.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

let crm: RecordingBackend;
let folder: string;
beforeEach(async () => {
  crm = await startRecordingBackend();
  folder = await mkdtemp(join(tmpdir(), 'psa-console-'));
});
afterEach(async () => {
  await crm.stop();
  await rm(folder, { recursive: true, force: true });
});

const file = () => ({
  upstreams: { crm: { url: `http://127.0.0.1:${crm.port}` } },
  routes: [{ path: '/crm/*', upstream: 'crm' }],
});
const env = (mode: string) => ({ NODE_ENV: mode, LOG_DIR: folder, REDIS_PORT: '1', RATE_LIMIT_MAX_REQUESTS: '100000' });
const linesOf = async (name: string) => (await readFile(join(folder, name), 'utf8')).split('\n').slice(0, -1);

describe('what strangers choose stays within one line', () => {
  // Line breaks of all kinds, a terminal's commands in both forms, and a change of the direction of writing.
  const evil = 'a\r\nb\u001b[2Jc\u009b31md\u2028e\u2029f\u202eg\u0085h';

  const isObeyed = (line: string) => /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(line);

  it.each(['production', 'development'])('in the files and on the console of %s', async (mode) => {
    const gateway = await startGatewayProcess({ file: file(), env: env(mode) });
    const token = bearer(tokenFor({ sub: evil, tenantId: evil, email: 'a@b.example' }));
    await call(`${gateway.url}/crm/x`, { headers: token });
    const port = Number(new URL(gateway.url).port);
    // Node hands bytes above ASCII on as they are, and 0x9b begins a command for some terminals.
    await sendRaw(port, rawRequest({ target: '/crm/\x9b31m\x85x', lines: [`X-Request-Id: ${'x'.repeat(8)}\x9b`] }));
    const { stdout } = await gateway.stop();
    const lines = [...(await linesOf('access.log')), ...(await linesOf('combined.log'))];
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.length).toBeGreaterThan(4);
    expect(lines.filter(isObeyed)).toEqual([]);
    expect(stdout.split('\n').filter(isObeyed)).toEqual([]);
    const start = mode === 'production' ? /^\{"/ : /^\d\d:\d\d:\d\d\.\d{3} \[0\] /;
    expect(stdout.split('\n').filter((line) => line !== '' && !start.test(line))).toEqual([]);
  });
});

describe('the console of development', () => {
  it('shows each request with what became of it, without colours where there is no terminal', async () => {
    const gateway = await startGatewayProcess({ file: file(), env: env('development') });
    await call(`${gateway.url}/crm/x`, { headers: bearer() });
    await call(`${gateway.url}/crm/x`);
    const { stdout } = await gateway.stop();
    expect(stdout).toMatch(/ \[0\] 200 {3}GET +[\d.]+ ms \/crm\/x → crm user-1$/m);
    expect(stdout).toMatch(/ \[0\] 401 {3}GET +[\d.]+ ms \/crm\/x auth_missing$/m);
    expect(stdout).toMatch(/ \[0\] info {2}ready {2}port=\d+/m);
  });
});

describe('a worker', () => {
  it('has every line in its files when it has ended', async () => {
    const gateway = await startGatewayProcess({ file: file(), env: env('production') });
    const urls = Array.from({ length: 200 }, (_, index) => `${gateway.url}/crm/line-${index}`);
    await Promise.all(urls.map((url) => call(url, { headers: bearer() })));
    expect((await gateway.stop()).code).toBe(0);
    expect((await linesOf('access.log')).filter((line) => line.includes('/crm/line-'))).toHaveLength(200);
    expect((await linesOf('combined.log')).at(-1)).toContain('"message":"stopped"');
  });

  it('goes on serving when its console is full', async () => {
    await writeFile(join(folder, 'gateway.yaml'), stringify(file()));
    const port = await freePort();
    const child = startOnFullConsole(folder, { ...env('development'), PORT: String(port) });
    const ended = once(child, 'exit');
    try {
      await Promise.race([once(child, 'message'), ended, sleep(50_000, undefined, { ref: false })]);
      const answers = [];
      for (let count = 0; count < 3; count++) {
        answers.push(await call(`http://127.0.0.1:${port}/crm/x`, { headers: bearer() }));
      }
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      child.kill('SIGTERM');
      await ended;
      expect(child.exitCode).toBe(0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

/** A gateway whose output goes to a disk without room. */
function startOnFullConsole(cwd: string, environment: Record<string, string>): ChildProcess {
  const full = openSync('/dev/full', 'w');
  const main = resolve(import.meta.dirname, '../../dist/main.js');
  const keys = { JWT_SECRET: secret, JWT_ISSUER: issuer, JWT_AUDIENCE: audience, ADMIN_PORT: '0' };
  const child = spawn(process.execPath, [main], {
    cwd,
    env: { ...keys, ...environment },
    stdio: ['ignore', full, full, 'ipc'],
  });
  closeSync(full);
  return child;
}
