import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AccessLine, openLogger } from '../../../src/observe/logger.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-logger-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (level: 'error' | 'info' | 'debug' = 'debug', folderOfLogs = folder) =>
  openLogger({ LOG_DIR: folderOfLogs, LOG_LEVEL: level, NODE_ENV: 'test', SERVICE_NAME: 'psa' }, '3');
const textOf = (name: string) => readFileSync(join(folder, `${name}.log`), 'utf8');
const linesOf = (name: string) =>
  textOf(name)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const request = (changes: Partial<AccessLine> = {}): AccessLine => ({
  time: '2026-11-21T09:14:04.268Z',
  requestId: 'id',
  client: '127.0.0.1',
  status: 200,
  reason: undefined,
  ...changes,
});

describe('the log files', () => {
  it('hold what belongs to each of them, with the service and the worker', async () => {
    const logger = open('info');
    logger.error('broken', { port: 1 });
    logger.warn('degraded');
    logger.info('ready');
    logger.debug('detail');
    logger.access(request());
    await logger.close();
    const messages = (name: string) => linesOf(name).map(({ message }) => message);
    expect(messages('error')).toEqual(['broken']);
    expect(messages('combined')).toEqual(['broken', 'degraded', 'ready', 'request']);
    expect(messages('access')).toEqual(['request']);
    expect(linesOf('error')).toMatchObject([{ level: 'error', service: 'psa', worker: '3', port: 1 }]);
    expect(logger.lostLines()).toBe(0);
  });

  it('have a line for each request whatever the level', async () => {
    const logger = open('error');
    logger.access(request());
    await logger.close();
    expect(linesOf('access')).toHaveLength(1);
  });

  it('show what strangers choose on one line, and as it was to whoever parses it', async () => {
    const evil = 'a\r\nb\u001b[2Jc\u009b31md\u2028e\u2029f\u202eg\u0085h\u2066i\u007f"\\';
    const logger = open();
    logger.access(request({ user: evil, path: evil }));
    logger.error(evil, { error: evil });
    await logger.close();
    for (const name of ['access', 'error', 'combined']) {
      expect(textOf(name).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
    }
    expect(linesOf('access')).toMatchObject([{ user: evil, path: evil }]);
    expect(linesOf('error')).toMatchObject([{ message: evil, error: evil }]);
  });

  it('show no secret that came with the message of an error', async () => {
    const logger = open();
    const error = 'TypeError: bad header Authorization: Bearer S3CRET.S3CRET for http://u:S3CRET@crm/?token=S3CRET';
    logger.error(error, { error, nested: { list: [error] } });
    await logger.close();
    expect(textOf('error')).toContain('TypeError: bad header');
    expect(textOf('error') + textOf('combined')).not.toContain('S3CRET');
  });
});

describe('a logger', () => {
  it('refuses a folder that it can not have', () => {
    expect(() => open('info', '/dev/null/logs')).toThrow(/ENOTDIR/);
  });
});
