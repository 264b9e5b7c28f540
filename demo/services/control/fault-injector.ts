import { setTimeout as delay } from 'node:timers/promises';
import type { NextFunction, Request, Response } from 'express';
import { z } from 'zod';
import { bodyOf } from '../shared/body-of.ts';
import { Problem } from '../shared/problem.ts';

/** How a service misbehaves. A delay may go with any of the three ends; without an end the normal answer follows. */
export const faultSchema = bodyOf({
  headDelayMs: z.int().min(0).max(600_000).default(0).describe('Milliseconds before the response head'),
  status: z.int().min(200).max(599).optional().describe('Answer with this status'),
  reset: z.boolean().default(false).describe('Destroy the socket with a TCP reset'),
  hang: z.boolean().default(false).describe('Never answer'),
  failureRatio: z.number().min(0).max(1).default(1).describe('Share of the requests that are hit, evenly spread'),
})
  .refine(({ status, reset, hang }) => [status !== undefined, reset, hang].filter(Boolean).length <= 1, {
    error: 'Expected at most one of: status, reset, hang',
  })
  .meta({ id: 'Fault', examples: [{ status: 503, failureRatio: 0.5 }, { headDelayMs: 5000 }] });

/** A checked fault, defaults filled in. */
export type Fault = z.output<typeof faultSchema>;

/** A stage that misbehaves as told, and nothing while healthy. */
export interface FaultInjector {
  /** Null while healthy. */
  fault: () => Fault | null;
  setFault: (fault: Fault | null) => void;
  injectFault: (request: Request, response: Response, next: NextFunction) => Promise<void>;
}

/** Starts healthy. */
export function faultInjector(): FaultInjector {
  let current: Fault | null = null;
  let seen = 0;
  return { fault: () => current, setFault, injectFault };

  function setFault(fault: Fault | null): void {
    current = fault;
    seen = 0;
  }

  async function injectFault(request: Request, response: Response, next: NextFunction): Promise<void> {
    const fault = current;
    if (!fault || !isHit(fault)) {
      next();
      return;
    }
    // Not holding the process: a service that was told to stop need not sit out a delay.
    if (fault.headDelayMs > 0) await delay(fault.headDelayMs, undefined, { ref: false });
    if (fault.hang) return;
    if (fault.reset) request.socket.resetAndDestroy();
    else if (fault.status === undefined) next();
    else answerWith(fault.status, response);
  }

  /** Spread evenly instead of by chance, so that a test knows how many of its requests fail. */
  function isHit({ failureRatio }: Fault): boolean {
    seen += 1;
    return Math.floor(seen * failureRatio) > Math.floor((seen - 1) * failureRatio);
  }
}

function answerWith(status: number, response: Response): void {
  if (status >= 400) throw new Problem({ status, detail: 'This fault was asked for on the control listener.' });
  response.status(status).end();
}
