import { randomBytes } from 'node:crypto';

/** One random read serves many ids: a system call per request would cost more than the id. */
const pool = { bytes: Buffer.alloc(0), offset: 0 };

/** Random bytes as lower-case hex. */
export function randomHex(byteCount: number): string {
  if (pool.offset + byteCount > pool.bytes.length) {
    pool.bytes = randomBytes(4096);
    pool.offset = 0;
  }
  const hex = pool.bytes.toString('hex', pool.offset, pool.offset + byteCount);
  pool.offset += byteCount;
  return hex;
}

/**
 * The trace of a request: the client's if it sent a valid one, else a new one; our hop gets its own parent id.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function continueTrace(traceparent: string | undefined): { traceId: string; traceparent: string } {
  const match = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/.exec(traceparent ?? '');
  const traceId = match?.[1] ?? randomHex(16);
  return { traceId, traceparent: `00-${traceId}-${randomHex(8)}-${match?.[2] ?? '00'}` };
}
