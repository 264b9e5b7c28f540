import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openWorkerExchange, type WorkerExchange } from '../../src/process/worker-exchange.ts';

let folder: string;
let opened: { close(): unknown }[];
let errors: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'psa-exchange-'));
  opened = [];
  errors = [];
});
afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await rm(folder, { recursive: true, force: true });
});

async function worker(id: string, answers: Record<string, () => unknown>): Promise<WorkerExchange> {
  const exchange = await openWorkerExchange({ folder, id, answers, onError: (error) => errors.push(String(error)) });
  opened.push(exchange);
  return exchange;
}

describe('a worker that asks the workers of its machine', () => {
  it('hears all of them, itself included', async () => {
    const a = await worker('a', { name: () => 'Ada' });
    await worker('b', { name: async () => 'Ben' });
    const answers = await a.ask('name');
    expect(new Map(answers.map(({ id, answer }) => [id, answer]))).toEqual(
      new Map([
        ['a', 'Ada'],
        ['b', 'Ben'],
      ]),
    );
    expect((await a.ids()).toSorted((x, y) => x.localeCompare(y))).toEqual(['a', 'b']);
  });

  it('does without one that is of another release and does not know the question', async () => {
    const a = await worker('a', { name: () => 'Ada', age: () => 36 });
    await worker('b', { name: () => 'Ben' });
    expect(await a.ask('age')).toEqual([{ id: 'a', answer: 36 }]);
  });

  it('does without one that fails or says nothing, and does not wait for it for long', async () => {
    const a = await worker('a', { name: () => 'Ada' });
    await worker('b', { name: () => Promise.reject(new Error('b is ill')) });
    const silent = createServer(() => undefined).listen(join(folder, 'c.sock'));
    opened.push(silent);
    expect(await a.ask('name')).toEqual([{ id: 'a', answer: 'Ada' }]);
    expect(errors).toEqual(['Error: b is ill']);
  });

  it('removes the socket of one that was killed', async () => {
    const a = await worker('a', { name: () => 'Ada' });
    const killed = await worker('b', { name: () => 'Ben' });
    await killed.close();
    // What a process leaves that had no time to tidy up: a socket on which nobody listens.
    const listen = `require('net').createServer().listen('b.sock', () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', listen], { cwd: folder });
    await writeFile(join(folder, 'x.metrics.json'), '[]');
    expect(await readdir(folder)).toContain('b.sock');
    expect(await a.ask('name')).toEqual([{ id: 'a', answer: 'Ada' }]);
    expect(await readdir(folder)).toEqual(['a.sock', 'x.metrics.json']);
  });
});
