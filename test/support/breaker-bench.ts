import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, jest } from '@jest/globals';
import type { BreakerSettings } from '../../src/config/schema.ts';
import { Problem } from '../../src/problem/problem.ts';
import type { Outcome } from '../../src/upstream/forward.ts';
import { type Breaker, type BreakerState, withBreaker } from '../../src/upstream/with-breaker.ts';

const defaults: BreakerSettings = {
  windowSeconds: 10,
  minimumCalls: 10,
  failurePercent: 50,
  openSeconds: 30,
  failureStatuses: [500, 502, 503, 504],
};

/** A call that has reached the upstream and is not settled. */
interface PendingCall {
  answer(status: number): void;
  fail(reason: Problem['reason']): void;
}

interface BenchOptions {
  readonly settings?: Partial<BreakerSettings>;
  readonly onChange?: (state: BreakerState) => void;
}

/** A breaker before an upstream whose every answer the test gives. Wants fake timers: time passes by `wait` alone. */
export interface BreakerBench extends Breaker {
  /** Every state that it has changed to. */
  readonly changes: BreakerState[];
  readonly pending: PendingCall[];
  /** Begins a call and tells, as text, how it ends. */
  begin(): Promise<string>;
  /** Makes calls one after the other, each with this end. */
  calls(...ends: (number | Problem['reason'])[]): Promise<string[]>;
  /** Lets ten calls fail. */
  open(): Promise<void>;
}

/** Sets one up, closed. */
export function breakerBench({ settings = {}, onChange }: BenchOptions = {}): BreakerBench {
  const changes: BreakerState[] = [];
  const pending: PendingCall[] = [];
  const forward = () =>
    new Promise<Outcome>((resolve, reject) => {
      pending.push({ answer: (status) => resolve({ status }), fail: (reason) => reject(new Problem(reason)) });
    });
  const breaker = withBreaker(forward, {
    name: 'crm',
    settings: { ...defaults, ...settings },
    clock: () => performance.now(),
    onChange: onChange ?? ((state) => void changes.push(state)),
  });
  const begin = () => {
    const req = new IncomingMessage(new Socket());
    return breaker.forward(req, new ServerResponse(req)).then(
      ({ status }) => String(status),
      (error: Problem) => error.reason,
    );
  };
  const calls: BreakerBench['calls'] = async (...ends) => {
    const seen: string[] = [];
    for (const end of ends) {
      const call = begin();
      const reached = pending.pop();
      if (typeof end === 'number') reached?.answer(end);
      else reached?.fail(end);
      seen.push(await call);
      await wait(0);
    }
    return seen;
  };
  const open = async () => {
    await calls(...times(10, 500));
    expect(breaker.report().state).toBe('OPEN');
  };
  return { ...breaker, changes, pending, begin, calls, open };
}

/** Lets seconds pass. */
export const wait = (seconds: number) => jest.advanceTimersByTimeAsync(seconds * 1000);

/** The same value so many times. */
export const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
