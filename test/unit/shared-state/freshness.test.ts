import { describe, expect, it } from '@jest/globals';
import { freshness } from '../../../src/shared-state/freshness.ts';

/** A worker's knowledge, with a clock to move and the lines that it has logged. */
function worker() {
  let nowMs = 0;
  const lines: string[] = [];
  const log = (level: string) => (message: string, details: object) =>
    void lines.push(`${level}: ${message} ${JSON.stringify(details)}`);
  const logger = { info: log('info'), warn: log('warn') };
  const known = freshness({ logger, clock: () => nowMs, records: () => ({ tenants: 3 }) });
  const wait = (milliseconds: number) => {
    nowMs += milliseconds;
    known.judge();
  };
  return { known, wait, lines };
}

const KNOWN = 'info: revocations, API keys and tenants are known {"records":{"tenants":3}}';

describe('what a worker knows', () => {
  it('is unknown at first, which is told once, with the reason', () => {
    const { known, wait, lines } = worker();
    wait(2000);
    expect([known.state(), lines]).toEqual(['unknown', []]);
    known.failed(new Error('NOPERM no'));
    wait(1);
    wait(5000);
    expect(known.state()).toBe('unknown');
    expect(lines).toEqual([expect.stringMatching(/^warn: .* are not known: .*NOPERM no/)]);
    known.answered();
    expect([known.state(), lines.at(-1)]).toEqual(['fresh', KNOWN]);
  });

  it('is fresh while Redis answers, and says so once', () => {
    const { known, wait, lines } = worker();
    for (let poll = 0; poll < 10; poll++) {
      known.answered();
      wait(1500);
    }
    expect([known.state(), known.ageSeconds(), lines]).toEqual(['fresh', 1.5, [KNOWN]]);
  });

  it('is stale from two seconds without an answer on, until the next one', () => {
    const { known, wait, lines } = worker();
    known.answered();
    wait(2000);
    expect(known.state()).toBe('fresh');
    wait(1);
    expect(known.state()).toBe('stale');
    wait(60_000);
    expect(known.ageSeconds()).toBe(62.001);
    known.answered();
    expect(known.state()).toBe('fresh');
    expect(lines).toEqual([KNOWN, expect.stringMatching(/^warn: .* are stale: .*redis is away/), KNOWN]);
  });
});
