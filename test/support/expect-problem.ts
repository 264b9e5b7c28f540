import { expect } from '@jest/globals';
import type { RawAnswer } from './raw-client.ts';

const FIXED_FIELDS = ['type', 'title', 'status', 'detail', 'instance', 'reason', 'requestId'];

/** Asserts that an answer is a problem with the fields that callers rely on, and gives nothing away. Returns its body. */
export function expectProblem(
  answer: RawAnswer | undefined,
  { status, reason }: { status: number; reason: string },
): Record<string, unknown> {
  if (answer === undefined) throw new Error(`there is no answer, where ${status} ${reason} was expected`);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  const problem = JSON.parse(answer.body) as Record<string, unknown>;
  expect({ status: answer.status, reason: problem.reason }).toEqual({ status, reason });
  expect(Object.keys(problem)).toEqual(expect.arrayContaining(FIXED_FIELDS));
  expect(problem).toMatchObject({ status, type: `urn:problem-type:psa-api-gateway:${reason}` });
  expect(answer.headers['x-gateway-reason']).toBe(reason);
  expect(answer.headers['x-request-id']).toBe(problem.requestId);
  expect(answer.headers['cache-control']).toBe('no-store');
  expectNothingRevealed(answer.body);
  return problem;
}

/** Asserts that a text shows no stack, no address of an upstream and no token. */
export function expectNothingRevealed(text: string): void {
  expect(text).not.toMatch(/node_modules|\bat .*:\d+:\d+|127\.0\.0\.1|localhost|::1|ECONN|HPE_|eyJ[A-Za-z0-9_-]{10}/);
}
