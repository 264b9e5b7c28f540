import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { rotateUnderLoad } from '../../bench/rotation/rotate-under-load.ts';

const configuration = resolve(import.meta.dirname, '../../logrotate/psa-api-gateway');

describe('the shipped configuration of logrotate', () => {
  it('is taken by logrotate without a complaint', () => {
    const folder = mkdtempSync(join(tmpdir(), 'psa-logrotate-'));
    try {
      const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
      const options = ['--debug', '--state', join(folder, 'state'), configuration];
      // All that it says in this mode goes to stderr.
      const output = execFileSync('bash', ['-c', 'logrotate "$@" 2>&1', 'bash', ...options], { env, encoding: 'utf8' });
      expect(output).toContain('rotating pattern');
      expect(output).not.toMatch(/^(?:error|warning): (?!logrotate in debug mode)/m);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('loses, tears and doubles no line of two workers under load, without a signal to them', async () => {
    const perSecond = 300;
    const seconds = 6;
    const result = await rotateUnderLoad({ perSecond, seconds, rotations: 5 });
    const whole = { lines: perSecond * seconds, missing: 0, twice: 0, unknown: 0, torn: 0 };
    expect(result).toMatchObject({
      answered: perSecond * seconds,
      failures: {},
      workers: 2,
      verdicts: [
        { file: 'access.log', files: 6, ...whole },
        { file: 'combined.log', files: 6, ...whole },
      ],
    });
  }, 180_000);
});
