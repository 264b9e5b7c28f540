import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4096;

/** One random read serves many ids: a system call per request would cost more than the id. */
const pool = { hex: '', offset: 0 };

/** Random bytes as lower-case hex: a few, such as an id has. */
export function randomHex(byteCount: number): string {
  const end = pool.offset + 2 * byteCount;
  if (end > pool.hex.length) {
    pool.hex = randomBytes(POOL_BYTES).toString('hex');
    pool.offset = 0;
    return randomHex(byteCount);
  }
  const hex = pool.hex.slice(pool.offset, end);
  pool.offset = end;
  return hex;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/**
 * The trace of a request: the client's if it sent a valid one, else a new one; our hop gets its own parent id.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function continueTrace(traceparent: string | undefined): { traceId: string; traceparent: string } {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  const traceId = match?.[1] ?? randomHex(16);
  return { traceId, traceparent: `00-${traceId}-${randomHex(8)}-${match?.[2] ?? '00'}` };
}
