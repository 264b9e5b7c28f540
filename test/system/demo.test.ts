import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isListening, tracesOf } from '../support/traces.ts';
import { until } from '../support/until.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'demo/main.ts');
const WALK_MS = 180_000;

let folder: string;
let running: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-demo-test-'));
});

afterEach(async () => {
  // Also when the test has failed: the guard of the demo removes what this leaves without its head.
  if (running?.pid !== undefined && running.exitCode === null && running.signalCode === null) running.kill('SIGKILL');
  await until('the demo to be gone', () => tracesOf(folder).length === 0, { withinMs: 60_000, everyMs: 100 }).finally(
    () => rmSync(folder, { recursive: true, force: true }),
  );
}, 70_000);

interface RunOptions {
  readonly args?: string[];
  /** Programs that can be found; the rest of the machine is as it is. */
  readonly path?: string | undefined;
  readonly command?: string[];
  readonly cwd?: string;
}

/** Starts the demo in a process group of its own, as a shell does, with a folder for all that it writes. */
function startDemo({ args = [], path = process.env.PATH, command, cwd = folder }: RunOptions = {}) {
  const [program = '', ...rest] = command ?? [process.execPath, main, ...args];
  // npm keeps a compile cache in TMPDIR, and its logs in HOME: they are npm's traces, not the demo's.
  const env = { PATH: path ?? '', HOME: cwd, TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' };
  const child = spawn(program, rest, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  running = child;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const ended = once(child, 'exit').then(() => child.exitCode);
  return {
    child,
    output: () => output,
    ended,
    says: (text: string) => until(`"${text}"`, () => output.includes(text), { withinMs: WALK_MS }),
    /** To the whole group, as Ctrl+C in a terminal and a shell's kill do. */
    signal: (name: NodeJS.Signals) => process.kill(-(child.pid ?? 0), name),
    ports: () => [...output.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port)),
  };
}

/** No process, no file, no port. */
async function expectNoTrace({ ports }: Pick<Demo, 'ports'>): Promise<void> {
  expect(tracesOf(folder)).toEqual([]);
  // Where an absolute LOG_DIR would lead that is taken for a relative one.
  expect(existsSync(join(root, folder))).toBe(false);
  expect(await Promise.all(ports().map(isListening))).not.toContain(true);
}

type Demo = ReturnType<typeof startDemo>;

/** The daemon is on its way, and nobody has its number yet. */
const whilePm2Starts = () =>
  until('a home of PM2', () => readdirSync(folder).some((name) => existsSync(join(folder, name, 'pm2'))), {
    withinMs: WALK_MS,
  });
const whenTicketsDies = ({ says }: Demo) => says('kill -9');
const whileReloading = ({ says }: Demo) => says('pm2 reload');

describe('the guided walk', () => {
  it(
    'keeps every promise from health to reload, and stays with lines to paste until Ctrl+C; then nothing of it is left',
    async () => {
      const demo = startDemo();
      await demo.says('Ctrl+C ends the demo');
      const output = demo.output();
      expect(output.match(/^ *\d+ {2}\S/gm)).toHaveLength(16);
      expect(output.match(/✔/g)).toHaveLength(16);
      expect(output).not.toContain('✘');
      expect(output).toMatch(/← 429 Too Many Requests .*Retry-After: \d+/);
      expect(output).toMatch(/← 503 Service Unavailable .*Retry-After: \d+/);
      expect(output).toMatch(/← 401 Unauthorized .*reason: token_revoked/);
      expect(output).toMatch(/← 429 Too Many Requests .*X-Quota-Limit: 5 {2}X-Quota-Remaining: 0/);
      expect(output).toMatch(/← 403 Forbidden .*reason: tenant_suspended/);
      expect(output).toMatch(/aud: crm {2}sub: user-ada.*← 401 Unauthorized.*X-Gateway-Assertion is missing/s);
      expect(output).toMatch(/\d{3,} requests, 0 failed/);
      expect(output).toContain('“circuit breaker of tickets is HALF_OPEN”');
      const walk = output.slice(0, output.indexOf('Now you.'));
      expect(walk.split('\n').filter((line) => line.length > 100)).toEqual([]);
      expect(demo.ports().length).toBeGreaterThanOrEqual(5);
      const [, token = ''] = /^ {2}TOKEN=(\S+)$/m.exec(output) ?? [];
      const [, url = ''] = /^ {2}curl -i -H "Authorization: Bearer \$TOKEN" (\S+companies)$/m.exec(output) ?? [];
      expect((await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
      expect((await fetch(url)).status).toBe(401);
      const [, settings = ''] = /^ {2}(env \$\(cat \S+\)) npx gateway audit/m.exec(output) ?? [];
      const operator = `${settings} ${process.execPath} dist/cli/main.js`;
      expect(execFileSync('sh', ['-c', `${operator} tenants list`], { cwd: root }).toString()).toContain('kestrel');
      demo.signal('SIGINT');
      expect(await demo.ended).toBe(0);
      await expectNoTrace(demo);
    },
    WALK_MS,
  );

  it(
    'goes on without a Redis, says so, and ends after the walk if it is to be taken once',
    async () => {
      const demo = startDemo({ args: ['--once'], path: join(folder, 'nothing-here') });
      expect(await demo.ended).toBe(0);
      expect(demo.output()).toContain('Limits are counted in each worker');
      expect(demo.output()).toContain('status: degraded  redis: down');
      expect(demo.output().match(/✔/g)).toHaveLength(16);
      await expectNoTrace(demo);
    },
    WALK_MS,
  );

  it(
    'shows what was expected and what came when a step fails, takes the later ones, and exits 1',
    async () => {
      const demo = startDemo({ args: ['--once'] });
      const [, pid] = await until('the pid of the CRM', () => /^ {2}crm .* pid (\d+)/m.exec(demo.output()) ?? false, {
        withinMs: WALK_MS,
      });
      process.kill(Number(pid), 'SIGKILL');
      expect(await demo.ended).toBe(1);
      expect(demo.output()).toMatch(/✘ expected {2}status 200\n +but got +502 .*upstream_connect_failed.*✔.*\n16 {2}/s);
      await expectNoTrace(demo);
    },
    WALK_MS,
  );

  it.each([
    ['while PM2 starts', whilePm2Starts],
    ['in the middle of the walk', whenTicketsDies],
  ])(
    'leaves nothing behind after Ctrl+C %s',
    async (_when, moment) => {
      const demo = startDemo({ args: ['--once'] });
      await moment(demo);
      demo.signal('SIGINT');
      expect(await demo.ended).toBe(130);
      await expectNoTrace(demo);
    },
    WALK_MS,
  );

  it.each([
    ['while PM2 starts', whilePm2Starts],
    ['in the middle of a reload', whileReloading],
  ])(
    'leaves nothing behind after kill -9 of all its processes in the foreground %s',
    async (_when, moment) => {
      const demo = startDemo({ args: ['--once'] });
      await moment(demo);
      demo.signal('SIGKILL');
      await demo.ended;
      await until('no trace', () => tracesOf(folder).length === 0, { withinMs: 60_000, everyMs: 100 });
      await expectNoTrace(demo);
    },
    WALK_MS,
  );

  it(
    'ends when the npm that started it is killed',
    async () => {
      const scripts = { walk: `node ${main}` };
      const cwd = mkdtempSync(join(tmpdir(), 'psa-demo-npm-'));
      try {
        writeFileSync(join(cwd, 'package.json'), JSON.stringify({ scripts }));
        const path = `${dirname(process.execPath)}:${process.env.PATH}`;
        const demo = startDemo({ command: ['npm', 'run', '--silent', 'walk'], cwd, path });
        await demo.says('Is it up?');
        demo.child.kill('SIGKILL');
        await until('no trace', () => tracesOf(folder).length === 0, { withinMs: 60_000, everyMs: 100 });
        await expectNoTrace(demo);
      } finally {
        rmSync(cwd, { recursive: true, force: true });
      }
    },
    WALK_MS,
  );

  it('refuses an option that it does not know', async () => {
    const demo = startDemo({ args: ['--onec'] });
    expect(await demo.ended).toBe(64);
    expect(demo.output()).toContain('Usage: npm run demo [-- --once]');
  });
});

describe('the set-up', () => {
  it('never installs through a link, which would empty the packages of another checkout', async () => {
    const checkout = join(folder, 'checkout');
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'package-of-another-checkout'), '');
    for (const name of ['package.json', 'package-lock.json', 'scripts']) {
      cpSync(join(root, name), join(checkout, name), { recursive: true });
    }
    symlinkSync(elsewhere, join(checkout, 'node_modules'));
    const demo = startDemo({ command: [process.execPath, join(checkout, 'scripts/set-up.mjs')] });
    expect(await demo.ended).toBe(0);
    expect(demo.output()).toContain('node_modules is a link: left as it is');
    expect(readdirSync(elsewhere)).toEqual(['package-of-another-checkout']);
    rmSync(checkout, { recursive: true });
    rmSync(elsewhere, { recursive: true });
  });
});
