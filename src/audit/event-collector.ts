import type { SecurityEvent } from './security-event.ts';

/** Events of the current second, equal ones as one with a count. */
export interface EventCollector {
  add(event: SecurityEvent): void;
  /** What has been collected since the last time. */
  take(): SecurityEvent[];
}

/**
 * Collects events so that a flood of them stays a few lines: equal ones are counted, and when there are already
 * `maxDifferent`, more are counted by kind and reason only. So nothing goes uncounted, and no flood hides by its variety.
 */
export function eventCollector(maxDifferent: number): EventCollector {
  let events = new Map<string, SecurityEvent>();
  return {
    add(event) {
      const full = keyOf(event);
      const isRoom = events.has(full) || events.size < maxDifferent;
      const kept = isRoom ? event : withoutDetails(event);
      const key = isRoom ? full : keyOf(kept);
      const known = events.get(key);
      events.set(key, known === undefined ? kept : { ...known, count: known.count + kept.count });
    },
    take() {
      const taken = [...events.values()];
      events = new Map();
      return taken;
    },
  };
}

function keyOf({ event, status, reason, route, user, tenant, client, command, target, by }: SecurityEvent): string {
  return JSON.stringify([event, status, reason, route, user, tenant, client, command, target, by]);
}

/** What is left is of closed sets, so that there are no more different ones than kinds and reasons. */
function withoutDetails({ time, event, status, reason, count }: SecurityEvent): SecurityEvent {
  return { time, event, status, reason, count };
}
