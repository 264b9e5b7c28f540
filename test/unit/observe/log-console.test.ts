import { describe, expect, it } from '@jest/globals';
import { readableLine, readableRequest } from '../../../src/observe/log-console.ts';

// The tests' output is no terminal, so there are no colours in it.
const time = '2026-11-21T09:14:04.268Z';
const request = { time, worker: '1', method: 'GET', path: '/api/v1/crm/x', status: 200, durationMs: 12.34 };

describe('a request on the readable console', () => {
  it.each([
    [{ upstream: 'crm', user: 'user-1' }, '09:14:04.268 [1] 200   GET        12.3 ms /api/v1/crm/x → crm user-1'],
    [{ status: 401, reason: 'auth_missing' }, '09:14:04.268 [1] 401   GET        12.3 ms /api/v1/crm/x auth_missing'],
    [
      {
        method: undefined,
        path: undefined,
        durationMs: undefined,
        status: 400,
        reason: 'invalid_request',
        code: 'HPE',
      },
      '09:14:04.268 [1] 400   -                  - invalid_request HPE',
    ],
  ])('%#: shows what is there, in columns', (changes, line) => {
    expect(readableRequest({ ...request, ...changes })).toBe(line);
  });

  it('writes out what a terminal would obey', () => {
    const path = '/a\r\nb\u001b[2Jc\u009b31md\u2028e\u202ef\u007f';
    expect(readableRequest({ ...request, path })).toContain(
      String.raw`/a\u000d\u000ab\u001b[2Jc\u009b31md\u2028e\u202ef\u007f`,
    );
  });
});

describe('a line about the worker on the readable console', () => {
  const line = { level: 'warn', message: 'redis is away', timestamp: time, service: 'psa', worker: '0' };

  it('shows details as name=value', () => {
    expect(readableLine({ ...line, reason: 'gone', port: 6379, list: [1] })).toBe(
      '09:14:04.268 [0] warn  redis is away  reason=gone  port=6379  list=[1]',
    );
  });

  it('shows a stack below, indented, so that no line of it passes for another line', () => {
    const error = `Error: boom\n09:14:04.268 [0] info  all is well\u001b[0m\n    at x.js:1:1`;
    expect(readableLine({ ...line, error }).split('\n')).toEqual([
      '09:14:04.268 [0] warn  redis is away',
      '    Error: boom',
      String.raw`    09:14:04.268 [0] info  all is well\u001b[0m`,
      '        at x.js:1:1',
    ]);
  });

  it('shows no secrets', () => {
    expect(readableLine({ ...line, error: 'x?token=S3CRET', other: { password: 'S3CRET' } })).not.toContain('S3CRET');
  });
});
