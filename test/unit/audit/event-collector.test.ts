import { describe, expect, it } from '@jest/globals';
import { eventCollector } from '../../../src/audit/event-collector.ts';
import type { SecurityEvent } from '../../../src/audit/security-event.ts';

const refusal = (client: string, requestId = 'request-1'): SecurityEvent => ({
  time: '2026-01-01T00:00:00.000Z',
  event: 'refused',
  status: 401,
  reason: 'token_expired',
  client,
  requestId,
  count: 1,
});

describe('eventCollector', () => {
  it('makes equal events one, with a count and the first request', () => {
    const collector = eventCollector(10);
    for (const id of ['request-1', 'request-2', 'request-3']) collector.add(refusal('a', id));
    collector.add(refusal('b'));
    expect(collector.take()).toEqual([{ ...refusal('a'), count: 3 }, refusal('b')]);
  });

  it('counts by reason alone what is different beyond its bound, and loses none of it', () => {
    const collector = eventCollector(3);
    for (let index = 0; index < 1000; index++) collector.add(refusal(`client-${index}`));
    const events = collector.take();
    expect(events).toHaveLength(4);
    expect(events.at(-1)).toEqual({
      time: '2026-01-01T00:00:00.000Z',
      event: 'refused',
      status: 401,
      reason: 'token_expired',
      count: 997,
    });
  });

  it('begins anew after it has been emptied', () => {
    const collector = eventCollector(1);
    collector.add(refusal('a'));
    collector.take();
    expect(collector.take()).toEqual([]);
    collector.add(refusal('b'));
    expect(collector.take()).toEqual([refusal('b')]);
  });
});
