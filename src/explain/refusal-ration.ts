const SECOND_MS = 1000;

/** One client may have this part of what a worker explains, so that a flood of refusals leaves room for others. */
const PART_OF_ONE_CLIENT = 0.25;

/**
 * Returns a function that says whether one more refusal of a client is kept, of so many per second.
 * @param clock milliseconds, monotonic
 */
export function refusalRation({ perSecond, clock }: { perSecond: number; clock: () => number }) {
  const perClient = Math.max(1, Math.floor(perSecond * PART_OF_ONE_CLIENT));
  // Never longer than `perSecond`.
  const taken = new Map<string, number>();
  let left = perSecond;
  let endsAt = Number.NEGATIVE_INFINITY;
  return function mayRecord(client: string): boolean {
    const now = clock();
    if (now >= endsAt) {
      endsAt = now + SECOND_MS;
      left = perSecond;
      taken.clear();
    }
    const before = taken.get(client) ?? 0;
    if (left === 0 || before >= perClient) return false;
    left--;
    taken.set(client, before + 1);
    return true;
  };
}
