import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LineFile } from '../../../src/observe/line-file.ts';
import { until } from '../../support/until.ts';

const source = resolve(import.meta.dirname, '../../../src/observe/line-file.ts');

let folder: string;
let path: string;
let failures: string[];
let recoveries: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-lines-'));
  path = join(folder, 'logs', 'access.log');
  mkdirSync(join(folder, 'logs'));
  failures = [];
  recoveries = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const openFile = (at = path) =>
  new LineFile({
    path: at,
    onFailure: (reason) => failures.push(reason),
    onRecovery: (lostLines) => recoveries.push(lostLines),
  });
const line = (id: number | string) => `${JSON.stringify({ id })}\n`;
const idsIn = (content: string) =>
  content
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => (JSON.parse(one) as { id: number | string }).id);
/** Ids in all files of the log folder, rotated ones included. */
const allIds = () =>
  readdirSync(join(folder, 'logs')).flatMap((name) => idsIn(readFileSync(join(folder, 'logs', name), 'utf8')));
const written = (id: number | string) =>
  until(`line ${id}`, () => existsSync(path) && readFileSync(path, 'utf8').includes(line(id)));
/** What of the folder this process has open. */
const openFiles = () =>
  readdirSync('/proc/self/fd').flatMap((name) => {
    const target = linkOf(`/proc/self/fd/${name}`);
    return target.startsWith(folder) ? [target] : [];
  });
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('a log file', () => {
  it('has every line, in order, as soon as it is closed', async () => {
    const file = openFile();
    for (const id of range(20_000)) file.append(line(id));
    await file.close();
    expect(idsIn(readFileSync(path, 'utf8'))).toEqual(range(20_000));
  });

  it('has a line soon, without being closed', async () => {
    const file = openFile();
    file.append(line('ä'));
    await written('ä');
    await file.close();
  });

  it('goes on behind what it holds already', async () => {
    writeFileSync(path, line('old'));
    const file = openFile();
    file.append(line('new'));
    await file.close();
    expect(allIds()).toEqual(['old', 'new']);
  });

  it('is not for everybody to read, before and after a rotation', async () => {
    const file = openFile();
    expect(statSync(path).mode & 0o777).toBe(0o640);
    rmSync(path);
    file.append(line('new'));
    await file.close();
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  it('has what comes while it is being closed', async () => {
    const file = openFile();
    for (const id of range(10_000)) file.append(line(id));
    const closed = file.close();
    for (const id of range(10_000)) file.append(line(10_000 + id));
    await closed;
    expect(idsIn(readFileSync(path, 'utf8'))).toEqual(range(20_000));
  });

  it('refuses at once a place that it can not have', () => {
    expect(() => openFile(join(folder, 'none', 'access.log'))).toThrow(/ENOENT/);
  });
});

describe('a log file that is rotated without a word', () => {
  it.each([
    ['renamed', () => renameSync(path, `${path}.1`), ['old', 'new']],
    ['deleted', () => rmSync(path), ['new']],
    ['deleted with its folder', () => rmSync(join(folder, 'logs'), { recursive: true }), ['new']],
    [
      'replaced',
      () => {
        renameSync(path, `${path}.1`);
        writeFileSync(path, '');
      },
      ['new', 'old'],
    ],
    ['truncated', () => truncateSync(path), ['new']],
  ])('and %s gets the next line under its name', async (_name, rotate, ids) => {
    const file = openFile();
    file.append(line('old'));
    await written('old');
    rotate();
    file.append(line('new'));
    await written('new');
    await file.close();
    expect(allIds().toSorted()).toEqual(ids.toSorted());
    expect(failures).toEqual([]);
  });

  it('loses and tears no line of several writers', async () => {
    const files = [openFile(), openFile(), openFile()];
    for (const round of range(30)) {
      for (const [writer, file] of files.entries()) {
        for (const number of range(500)) file.append(line(`${writer}-${round}-${number}`));
      }
      await until('the file', () => existsSync(path));
      if (round % 3 === 0) renameSync(path, `${path}.${round}`);
    }
    await Promise.all(files.map((file) => file.close()));
    const ids = allIds();
    expect(ids).toHaveLength(30 * 3 * 500);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('keeps no file open that is not its own any more', async () => {
    const file = openFile();
    for (const round of range(5)) {
      file.append(line(round));
      await written(round);
      rmSync(path);
      expect(openFiles().length).toBe(1);
    }
    await file.close();
    expect(openFiles()).toEqual([]);
  });
});

describe('a log file that can not be written to', () => {
  const block = () => {
    renameSync(path, `${path}.1`);
    mkdirSync(path);
  };

  it('says so once, keeps its lines, and says when it can again', async () => {
    const file = openFile();
    file.append(line(0));
    await written(0);
    block();
    file.append(line(1));
    await until('the failure', () => failures.length > 0);
    file.append(line(2));
    rmdirSync(path);
    await until('the recovery', () => recoveries.length > 0);
    file.append(line(3));
    await file.close();
    expect(allIds().toSorted()).toEqual([0, 1, 2, 3]);
    expect(failures).toEqual([expect.stringContaining('EISDIR')]);
    expect(recoveries).toEqual([0]);
    expect(file.lostLines()).toBe(0);
  });

  it('takes a bounded amount of memory, and counts what it loses', async () => {
    const file = openFile();
    block();
    const long = JSON.stringify({ id: 'x'.repeat(99_985) });
    for (let count = 0; count < 60; count++) file.append(`${long}\n`);
    await until('the failure', () => failures.length > 0);
    for (let count = 0; count < 60; count++) file.append(`${long}\n`);
    const lost = file.lostLines();
    expect(lost).toBeGreaterThanOrEqual(120 - 2 * 42);
    rmdirSync(path);
    await until('the recovery', () => recoveries.length > 0);
    await file.close();
    expect(recoveries).toEqual([lost]);
    expect(allIds()).toHaveLength(120 - lost);
    expect(file.lostLines()).toBe(lost);
  });

  it('does not close as if all were well', async () => {
    const file = openFile('/dev/full');
    file.append(line(1));
    await until('the failure', () => failures.length > 0);
    await expect(file.close()).rejects.toThrow('/dev/full');
    expect(failures).toEqual([expect.stringContaining('ENOSPC')]);
  });
});

describe('a log file for which there is room for half a line only', () => {
  /** Appends 400 lines, and as many when the file could be written to again. */
  const writer = (name: string) => `
    import { LineFile } from ${JSON.stringify(source)};
    const append = (part) => {
      for (let n = 0; n < 400; n++) file.append(JSON.stringify({ id: ${JSON.stringify(name)} + part + n }) + '\\n');
    };
    const file = new LineFile({
      path: ${JSON.stringify(path)},
      onFailure: () => process.send('failed'),
      onRecovery: () => { append('b'); file.close().then(() => process.disconnect()); },
    });
    append('a');
    setInterval(() => undefined, 1000).unref();
    process.on('message', () => undefined);`;
  /** Starts one whose files may have 5 KiB: beyond that, a write succeeds in part and then fails, as on a full disk. */
  const start = (name: string): ChildProcess =>
    spawn(
      'bash',
      ['-c', 'ulimit -S -f 5; exec "$0" "$@"', process.execPath, '--input-type=module', '-e', writer(name)],
      {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );

  it('shows no half line to readers, nor to the next line of another worker', async () => {
    const workers = ['x', 'y'].map(start);
    const errors = Promise.all(workers.map(({ stderr }) => (stderr === null ? '' : text(stderr))));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    // Each tries again from time to time, which shows for an instant.
    const inBetween = await until('a line break at the end', () => {
      const content = readFileSync(path, 'utf8');
      return content.endsWith('\n') && content;
    });
    for (const { pid } of workers) execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:']);
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
    expect(await errors).toEqual(['', '']);
    expect(inBetween.length).toBeGreaterThan(4000);
    expect(new Set(allIds()).size).toBe(1600);
    expect(allIds()).toHaveLength(1600);
  });
});

/** Where a link leads; nowhere if it is gone, as the one to the folder that was just listed. */
function linkOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
