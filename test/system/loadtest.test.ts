import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../support/free-port.ts';
import { tracesOf } from '../support/traces.ts';
import { until } from '../support/until.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'loadtest/main.ts');
const run = promisify(execFile);
const RUN_MS = 90_000;
/** No status: the head of an answer, and then the end of the connection. */
const CUT = 0;

let folder: string;
/** Where the runner writes what it must remove again. */
let temporary: string;
let running: ChildProcess | undefined;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-load-'));
  temporary = join(folder, 't');
  mkdirSync(temporary);
  writeFileSync(join(folder, 'tokens'), 'token-one\ntoken-two\n');
});

afterEach(async () => {
  // Also when the test has failed: the guard of the stage removes what this leaves without its head.
  if (running?.exitCode === null && running.signalCode === null) running.kill('SIGKILL');
  server?.closeAllConnections();
  server?.close();
  await expectNoTrace().finally(() => rmSync(folder, { recursive: true, force: true }));
}, 70_000);

/** No process and no file; what was killed may need a moment. */
async function expectNoTrace(): Promise<void> {
  await until('no trace', () => tracesOf(temporary).length === 0, { withinMs: 60_000, everyMs: 100 });
}

interface RunOptions {
  readonly args?: string[];
  readonly env?: Record<string, string>;
  /** Arrivals of the profile. */
  readonly phase?: object;
}

/** Starts the load test with a profile of its own, as a shell does. */
function startLoadtest({ args = [], env = {}, phase = { duration: 1, arrivalRate: 5 } }: RunOptions) {
  const profile = join(folder, 'tiny.yml');
  writeFileSync(profile, JSON.stringify({ config: { phases: [phase] } }));
  const child = spawn(process.execPath, [main, profile, '--results', join(folder, 'results'), ...args], {
    cwd: temporary,
    env: { PATH: process.env.PATH ?? '', HOME: temporary, TMPDIR: temporary, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running = child;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const ended = once(child, 'close').then(() => child.exitCode);
  return { child, ended, output: () => output };
}

/** A server on loopback that answers as it is told, and remembers by what tokens it was asked. */
async function startTarget(statusOf: (method: string, url: string) => number) {
  const tokens = new Set<string | undefined>();
  let requests = 0;
  server = createServer((req, res) => {
    const { method = '', url = '' } = req;
    const isOurs = url === '/health/detailed' || req.headers.authorization === undefined;
    if (!isOurs) requests++;
    if (!isOurs) tokens.add(req.headers.authorization);
    const status = statusOf(method, url);
    if (status !== CUT) res.writeHead(status).end('{}');
    else if (isOurs) res.end('{}');
    else res.writeHead(200, { 'content-length': 100 }).write('{', () => res.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const TARGET = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { env: { TARGET, LOADTEST_TOKENS: join(folder, 'tokens') }, tokens, requests: () => requests };
}

const rightly = (method: string, url: string) => {
  if (url.endsWith('nothing-here')) return 404;
  return method === 'POST' ? 201 : 200;
};

function readResult() {
  const names = readdirSync(join(folder, 'results'));
  const json = names.find((name) => name.endsWith('.json')) ?? '';
  return { names, result: JSON.parse(readFileSync(join(folder, 'results', json), 'utf8')) };
}

describe('the load test', () => {
  it(
    'drives a gateway of its own as shipped, exits 0 when every target is met, and leaves only its report',
    async () => {
      const loadtest = startLoadtest({});
      expect({ code: await loadtest.ended, output: loadtest.output() }).toMatchObject({
        code: 0,
        output: expect.stringContaining('✔ Every target is met.'),
      });
      const { names, result } = readResult();
      expect(names.map((name) => name.replace(/.*\./, '')).toSorted()).toEqual(['html', 'json']);
      // Five sessions of five requests; Artillery has seen the same.
      expect(result.summary.total).toMatchObject({ requests: 25, errors: 0 });
      expect(result.artillery.counters['http.requests']).toBe(25);
      expect(result.breakers).toMatchObject({ openings: 0, openAtEnd: 0 });
      expect(tracesOf(temporary)).toEqual([]);
    },
    RUN_MS,
  );

  it(
    'drives a gateway that runs already by the tokens of a file, and exits 1 when a target is missed',
    async () => {
      const target = await startTarget(rightly);
      const targets = join(folder, 'targets.json');
      writeFileSync(targets, '{"meanMs": {"below": 0.001}}');
      const loadtest = startLoadtest({ env: target.env, args: ['--targets', targets] });
      expect(await loadtest.ended).toBe(1);
      expect(loadtest.output()).toMatch(/✘ +mean latency .* < 0\.001 ms.*✘ Not every target is met/s);
      expect(target.tokens).toEqual(new Set(['Bearer token-one', 'Bearer token-two']));
      expect(readResult().result.summary.total).toMatchObject({ requests: target.requests(), errors: 0 });
    },
    RUN_MS,
  );

  it(
    'exits 1 when every answer is wrong or cut off, fast as they are',
    async () => {
      const { env } = await startTarget((_method, url) => (url.startsWith('/api/v1/crm') ? 500 : CUT));
      const loadtest = startLoadtest({ env });
      expect(await loadtest.ended).toBe(1);
      const { total, answers } = readResult().result.summary;
      expect(total.errorPercent).toBe(100);
      expect(answers).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ status: 500, verdict: 'error' }),
          expect.objectContaining({ status: 0, reason: 'answer_cut', verdict: 'error' }),
        ]),
      );
    },
    RUN_MS,
  );

  it.each([
    ['Ctrl+C', 'SIGINT', true, 130],
    ['kill -9 of the runner alone', 'SIGKILL', false, null],
  ] as const)(
    'leaves nothing behind after %s in the middle',
    async (_what, signal, isForAll, code) => {
      const target = await startTarget(rightly);
      const loadtest = startLoadtest({ env: target.env, phase: { duration: 60, arrivalRate: 5 } });
      await until('requests', () => target.requests() > 20, { withinMs: RUN_MS });
      const pid = loadtest.child.pid ?? 0;
      process.kill(isForAll ? -pid : pid, signal);
      expect(await loadtest.ended).toBe(code);
      await expectNoTrace();
    },
    RUN_MS,
  );

  it.each([
    ['TARGET is no URL', { env: { TARGET: 'gateway' } }, 2, 'TARGET is "gateway"'],
    ['there are no users for the TARGET', { env: { TARGET: 'http://127.0.0.1:1' } }, 2, 'A TARGET needs users'],
    ['an option is unknown', { args: ['--loud'] }, 2, 'Usage: npm run loadtest'],
  ])('says so when %s, and exits 2', async (_what, options, code, text) => {
    const loadtest = startLoadtest(options);
    expect(await loadtest.ended).toBe(code);
    expect(loadtest.output()).toContain(text);
  });

  it('exits 3 when nobody answers at the TARGET', async () => {
    const TARGET = `http://127.0.0.1:${await freePort()}`;
    const loadtest = startLoadtest({ env: { TARGET, LOADTEST_TOKENS: join(folder, 'tokens') } });
    expect(await loadtest.ended).toBe(3);
    expect(loadtest.output()).toContain(`${TARGET} does not answer`);
  });
});

describe('the set-up with the packages of the load test', () => {
  it('never installs through a link, which would empty the packages of another checkout', async () => {
    const checkout = join(folder, 'checkout');
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'package-of-another-checkout'), '');
    for (const name of ['package.json', 'package-lock.json']) {
      cpSync(join(root, name), join(checkout, name));
      cpSync(join(root, 'loadtest', name), join(checkout, 'loadtest', name));
    }
    cpSync(join(root, 'scripts'), join(checkout, 'scripts'), { recursive: true });
    for (const name of ['.', 'loadtest']) symlinkSync(elsewhere, join(checkout, name, 'node_modules'));
    const { stdout } = await run(process.execPath, [join(checkout, 'scripts/set-up.mjs'), '--with-loadtest']);
    expect(stdout).toContain('node_modules is a link');
    expect(stdout).toContain('loadtest/node_modules is a link');
    expect(readdirSync(elsewhere)).toEqual(['package-of-another-checkout']);
  });
});
