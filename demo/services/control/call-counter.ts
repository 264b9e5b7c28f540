import type { NextFunction, Request, Response } from 'express';

// Paths hold ids that clients choose, so the list of them has to end somewhere.
const MAX_DISTINCT = 1000;
const THE_REST = 'other';

/** How many requests a service has received, those that a fault swallowed included. */
export interface Calls {
  total: number;
  /** By `GET /companies/acme`; requests beyond the first 1000 distinct ones under `other`. */
  byRequest: Record<string, number>;
}

/** Counts from zero. */
export function callCounter() {
  const counts = new Map<string, number>();
  let total = 0;
  return { calls, countCall };

  function calls(): Calls {
    return { total, byRequest: Object.fromEntries(counts) };
  }

  function countCall(request: Request, _response: Response, next: NextFunction): void {
    const name = `${request.method} ${request.path}`;
    const key = counts.has(name) || counts.size < MAX_DISTINCT ? name : THE_REST;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    total += 1;
    next();
  }
}
