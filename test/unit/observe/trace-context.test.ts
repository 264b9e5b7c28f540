import { describe, expect, it } from '@jest/globals';
import { continueTrace, randomHex } from '../../../src/observe/trace-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

describe('continueTrace', () => {
  it.each(['00', '01', 'ff'])('keeps the trace and its flags %s, with a parent of its own', (flags) => {
    const trace = continueTrace(`00-${traceId}-${parentId}-${flags}`);
    expect(trace.traceId).toBe(traceId);
    expect(trace.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-${flags}$`));
    expect(trace.traceparent).not.toContain(parentId);
  });

  it.each([
    undefined,
    '',
    'x',
    `01-${traceId}-${parentId}-01`,
    `00-${traceId}-${parentId}`,
    `00-${traceId}-${parentId}-01-x`,
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${parentId}-01\n`,
    `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`,
  ])('begins a new trace, unsampled, for %j', (traceparent) => {
    const trace = continueTrace(traceparent);
    expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(trace.traceId).not.toBe(traceId);
    expect(trace.traceparent).toMatch(new RegExp(`^00-${trace.traceId}-[0-9a-f]{16}-00$`));
  });
});

describe('randomHex', () => {
  it.each([1, 8, 16])('gives two digits for each of %i bytes', (bytes) => {
    expect(randomHex(bytes)).toMatch(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
  });

  it('never repeats itself, also when its pool runs out', () => {
    const ids = Array.from({ length: 10_000 }, () => randomHex(16));
    expect(new Set(ids).size).toBe(ids.length);
  });
});
