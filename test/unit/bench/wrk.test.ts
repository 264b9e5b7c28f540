import { describe, expect, it } from '@jest/globals';
import { parseWrk } from '../../../bench/measure/wrk.ts';

const whole = {
  requests: 1000,
  microseconds: 2_000_000,
  bytes: 400_000,
  ...{ p50: 1500, p95: 3000, p99: 5000, p999: 9000 },
  ...{ connect: 0, read: 0, write: 0, status: 0, timeout: 0 },
};
const output = (figures: object) =>
  `Running 2s test @ http://127.0.0.1\n  1000 requests in 2s\n\n${JSON.stringify(figures)}\n`;

describe('parseWrk', () => {
  it('reads requests per second, and latencies in milliseconds', () => {
    const figures = { requests: 1000, requestsPerSecond: 500, p50: 1.5, p95: 3, p99: 5, p999: 9 };
    expect(parseWrk(output(whole), 200)).toEqual(figures);
  });

  it.each(['connect', 'read', 'write', 'status', 'timeout'])('refuses a run with a failure of the kind %s', (kind) => {
    expect(() => parseWrk(output({ ...whole, [kind]: 2 }), 200)).toThrow(`of 1000 requests failed: ${kind} 2`);
  });

  it('refuses a run whose answers were too short', () => {
    expect(() => parseWrk(output(whole), 400)).toThrow('too few');
  });

  it('refuses a run without a single request', () => {
    expect(() => parseWrk(output({ ...whole, requests: 0, bytes: 0 }), 200)).toThrow('too few');
  });

  it('refuses an output without figures', () => {
    expect(() => parseWrk('unable to connect', 200)).toThrow('unable to connect');
  });
});
