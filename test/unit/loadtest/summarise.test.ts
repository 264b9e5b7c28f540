import { describe, expect, it } from '@jest/globals';
import { operationOf } from '../../../loadtest/measure/operations.ts';
import type { RequestLine } from '../../../loadtest/measure/request-line.ts';
import { summarise } from '../../../loadtest/measure/summarise.ts';

const COMPANY = '/api/v1/crm/companies/acme';
const START = 1_700_000_000_000;

/** One request per 10 ms, each as long as its number. */
const lines = (count: number): RequestLine[] =>
  Array.from({ length: count }, (_, index) => [START + index * 10, index + 1, 'GET', COMPANY, 200, '']);
const line = (fields: { atMs?: number; path?: string; status?: number; reason?: string }): RequestLine => {
  const { atMs = 0, path = COMPANY, status = 200, reason = '' } = fields;
  return [START + atMs, 5, 'GET', path, status, reason];
};
const plain = { warmUpRequests: 0, outage: undefined };

describe('a summary', () => {
  it('has exact quantiles', () => {
    const { total } = summarise(lines(200).toReversed(), plain);
    expect(total).toMatchObject({ requests: 200, meanMs: 100.5, p50Ms: 100, p95Ms: 190, p99Ms: 198, maxMs: 200 });
  });

  it('counts throughput from the first request to the last answer', () => {
    const { total } = summarise(lines(100), plain);
    expect(total.seconds).toBeCloseTo(1.09);
    expect(total.throughput).toBeCloseTo(100 / 1.09);
  });

  it('finds the busiest ten seconds', () => {
    const slow = Array.from({ length: 30 }, (_, second) => line({ atMs: second * 1000 }));
    const burst = Array.from({ length: 500 }, (_, index) => line({ atMs: 12_000 + index * 10 }));
    const { total } = summarise([...slow, ...burst], plain);
    expect(total.peak).toBeGreaterThan(50);
    expect(total.peak).toBeLessThanOrEqual(51.1);
  });

  it('leaves the first requests out that warm up', () => {
    const { total, warmUpRequests } = summarise(lines(200).toReversed(), { ...plain, warmUpRequests: 150 });
    expect(total).toMatchObject({ requests: 50, p50Ms: 175 });
    expect(warmUpRequests).toBe(150);
  });

  it('takes no latency from an answer that is wrong', () => {
    const { total } = summarise([line({}), [START, 9000, 'GET', COMPANY, 500, 'internal_error']], plain);
    expect(total).toMatchObject({ errors: 1, errorPercent: 50, maxMs: 5 });
  });

  it('counts a request without an answer as an error', () => {
    const { total, answers } = summarise([line({ status: 0, reason: 'ECONNRESET' })], plain);
    expect(total).toMatchObject({ requests: 1, errors: 1, errorPercent: 100, throughput: 0 });
    expect(total.meanMs).toBeNaN();
    expect(answers).toEqual([{ status: 0, reason: 'ECONNRESET', verdict: 'error', count: 1 }]);
  });

  it('has no number where there was no request', () => {
    const { total, timeLine } = summarise([], plain);
    expect(total).toMatchObject({ requests: 0, errors: 0 });
    for (const value of [total.errorPercent, total.meanMs, total.p99Ms, total.throughput]) expect(value).toBeNaN();
    expect(timeLine.steps).toEqual([]);
  });
});

describe('an outage', () => {
  const outage = { upstream: 'crm', fromMs: START + 1000, untilMs: START + 2000 };
  const verdictOf = (fields: Parameters<typeof line>[0]) =>
    summarise([line(fields)], { warmUpRequests: 0, outage }).answers[0]?.verdict;

  it.each([
    ['a 503 of the service', { atMs: 1500, status: 503 }, 'expected'],
    ['an open breaker', { atMs: 1500, status: 503, reason: 'breaker_open' }, 'expected'],
    ['a right answer', { atMs: 1500 }, 'right'],
    ['a 503 before it', { atMs: 900, status: 503 }, 'error'],
    ['a 503 after it', { atMs: 2001, status: 503 }, 'error'],
    ['a 503 of another service', { atMs: 1500, status: 503, path: '/api/v1/tickets' }, 'error'],
    ['a 429', { atMs: 1500, status: 429 }, 'error'],
    ['no answer', { atMs: 1500, status: 0, reason: 'ECONNRESET' }, 'error'],
  ])('makes of %s: %o → %s', (_what, fields, verdict) => {
    expect(verdictOf(fields)).toBe(verdict);
  });

  it('leaves its failures out of the share of errors', () => {
    const failures = Array.from({ length: 50 }, () => line({ atMs: 1500, status: 503 }));
    const { total } = summarise([line({}), ...failures], { warmUpRequests: 0, outage });
    expect(total).toMatchObject({ requests: 51, errors: 0, errorPercent: 0, expectedFailures: 50 });
  });
});

describe('an operation', () => {
  it.each([
    ['GET', '/health', 'health', 200],
    ['POST', '/api/v1/tickets', 'open a ticket', 201],
    ['GET', '/api/v1/tickets?page=2', 'list tickets', 200],
    ['GET', '/api/v1/nothing-here', 'unknown path', 404],
    ['PUT', '/elsewhere', 'PUT /elsewhere', 200],
  ])('%s %s is “%s” and should answer %i', (method, url, name, expected) => {
    expect(operationOf(method, url)).toMatchObject({ name, expected });
  });
});
