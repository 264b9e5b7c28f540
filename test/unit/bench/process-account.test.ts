import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import {
  cpuTimeOf,
  memoryOf,
  openHandlesOf,
  parseSmapsRollup,
  parseStat,
  processTree,
} from '../../../bench/measure/process-account.ts';
import { until } from '../../support/until.ts';

describe('parseStat', () => {
  const rest = 'S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 1 0 100';

  it('reads the time in user and in kernel mode, in microseconds', () => {
    expect(parseStat(`42 (node) ${rest}`)).toEqual({ user: 1_500_000, system: 250_000 });
  });

  it('is not confused by a name of spaces and parentheses', () => {
    expect(parseStat(`42 (a ) b (c) ${rest}`)).toEqual({ user: 1_500_000, system: 250_000 });
  });
});

describe('parseSmapsRollup', () => {
  it('reads what a process holds, and its part of what it shares', () => {
    const text =
      'ffff0000-ffff1000 ---p 00000000 00:00 0 [rollup]\nRss:      2048 kB\nPss:      1024 kB\nPss_Anon:  900 kB\n';
    expect(parseSmapsRollup(text)).toEqual({ resident: 2048, proportional: 1024 });
  });
});

describe('a process', () => {
  it('is accounted for with what it has started', async () => {
    const child = spawn('sh', ['-c', 'sleep 60 & wait'], { detached: true });
    try {
      const pid = child.pid ?? 0;
      const tree = await until('the shell to start its child', () => {
        const found = processTree(pid);
        return found.length === 2 && found;
      });
      expect(tree[0]).toBe(pid);
      expect(memoryOf(tree).resident).toBeGreaterThan(memoryOf([pid]).resident);
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await once(child, 'exit');
    }
  });

  it('is charged for the time it computes', () => {
    const start = process.cpuUsage();
    const before = cpuTimeOf([process.pid]);
    while (process.cpuUsage(start).user < 60_000) Math.sqrt(start.user);
    const after = cpuTimeOf([process.pid]);
    // Two accounts of the same, to a hundredth of a second each.
    expect(after.user + after.system - before.user - before.system).toBeGreaterThanOrEqual(40_000);
  });

  it('has its open files and sockets counted', () => {
    expect(openHandlesOf(process.pid)).toBeGreaterThan(3);
  });
});
