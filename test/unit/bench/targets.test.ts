import { describe, expect, it } from '@jest/globals';
import type { Comparison, Result } from '../../../bench/report/result.ts';
import { judge } from '../../../bench/report/targets.ts';

const times = { p50: 1, p95: 2, p99: 3, p999: 4 };
const row = (contender: string, payload: string, figures: object) => ({
  contender,
  workers: 1,
  payload,
  requestsPerSecond: 1000,
  ...{ cpu: 100, cpuUser: 80, cpuSystem: 20, cpuLeast: 90, cpuMost: 110, megabytesPerCpuSecond: 100 },
  ...times,
  ...figures,
});
const paced = (contender: string, figures: object) => ({
  ...{ contender, workers: 1, payload: '200 B', perSecond: 1000, cpu: 100, lateP50: 0.1, lateP99: 0.2 },
  ...times,
  ...figures,
});
const environment = { commit: 'abc', node: '24', processor: 'any', cores: 2 };
const resultOf = (comparison: Partial<Comparison>): Result => ({
  ...environment,
  comparison: { loadBefore: 0, rounds: 5, connections: 32, saturation: [], openLoop: [], memory: [], ...comparison },
});
const verdictOf = (what: string, result: Result) => {
  const found = judge(result).find((target) => target.what.includes(what));
  return { measured: found?.measured, verdict: found?.verdict };
};

describe('judge', () => {
  it.each([
    [40, '0.40 ×', 'aim reached'],
    [50, '0.50 ×', 'aim reached'],
    [80, '0.80 ×', 'target met'],
    [81, '0.81 ×', 'missed'],
  ])('takes the ratio of CPU times: %d to 100', (cpu, measured, verdict) => {
    const saturation = [row('gateway', '200 B', { cpu }), row('express', '200 B', { cpu: 100 })];
    expect(verdictOf('against Express', resultOf({ saturation }))).toEqual({ measured, verdict });
  });

  it.each([
    [39, 'missed'],
    [40, 'target met'],
    [70, 'aim reached'],
  ])('knows that more is better for bytes per CPU time: %d to 100', (megabytesPerCpuSecond, verdict) => {
    const saturation = [row('gateway', '1 MiB', { megabytesPerCpuSecond }), row('nginx', '1 MiB', {})];
    expect(verdictOf('against nginx', resultOf({ saturation })).verdict).toBe(verdict);
  });

  it('takes the figures of one worker and of the right body', () => {
    const saturation = [
      row('gateway', '10 KiB', { cpu: 1 }),
      row('gateway', '200 B', { cpu: 1, workers: 2 }),
      row('gateway', '200 B', { cpu: 60 }),
      row('express', '200 B', { cpu: 100 }),
    ];
    expect(verdictOf('against Express', resultOf({ saturation })).measured).toBe('0.60 ×');
  });

  it('takes the difference to a direct call as the latency added', () => {
    const openLoop = [paced('direct', { p50: 0.2, p99: 0.5 }), paced('gateway', { p50: 0.7, p99: 1.2 })];
    const result = resultOf({ openLoop });
    expect(verdictOf('p50', result)).toEqual({ measured: '0.50 ms', verdict: 'target met' });
    expect(verdictOf('1,000 req/s, p99', result)).toEqual({ measured: '0.70 ms', verdict: 'aim reached' });
  });

  it('says nothing of added latency on a machine where a direct call takes long', () => {
    const openLoop = [paced('direct', { p99: 9 }), paced('gateway', { p99: 8 })];
    expect(verdictOf('1,000 req/s, p99', resultOf({ openLoop })).verdict).toBe('not measured');
  });

  it('says which targets were not measured', () => {
    expect(judge(environment).map(({ verdict }) => verdict)).toEqual(judge(environment).map(() => 'not measured'));
  });

  it('judges idle connections, and many routes and users', () => {
    const idle = { connections: 10_000, kibibytesPerConnection: 26, without: times, with: { ...times, p99: 6 } };
    const memory = { residentBefore: 1, residentAfter: 2, redisBefore: 1, redisAfter: 2 };
    const counts = { routes: 1000, users: 1000, requestsPerUser: 10 };
    const cpu = { cpuOfFew: 100, cpuOfManyRoutes: 100, cpuOfMany: 111, cpuOfStrangers: 130 };
    const result = { ...environment, idle, scale: { ...counts, ...cpu, ...memory } };
    expect(verdictOf('idle keep-alive', result)).toEqual({ measured: '26.00 KiB', verdict: 'missed' });
    expect(verdictOf('beside idle', result)).toEqual({ measured: '2.00 ×', verdict: 'target met' });
    const busy = { ...result, idle: { ...idle, without: { ...times, p99: 50 } } };
    expect(verdictOf('beside idle', busy).verdict).toBe('not measured');
    expect(verdictOf('many routes', result)).toEqual({ measured: '1.11 ×', verdict: 'missed' });
  });
});
