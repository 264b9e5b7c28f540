import { LRUCache } from 'lru-cache';
import { type Check, type Decide, decisionOf, type Standing } from './check.ts';
import { askRedis } from './decision-script.ts';
import { localDecision } from './local-decision.ts';
import type { CounterLink } from './shared-counter.ts';

/** So many refusals are remembered at most; Redis is asked again about who is forgotten. */
const MAX_REFUSALS = 10_000;

/** After this long Redis is asked again: a limit that an operator has reset is noticed by then. */
const MAX_AGE_MS = 1000;

interface SharedDecisionOptions {
  readonly link: CounterLink;
  /** How many workers divide the limits among them while Redis is away. */
  readonly workers: number;
  /** Milliseconds: `clock` is monotonic, `now` is since 1970. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
}

/**
 * Decides all checks of a request in Redis, in one round trip; in this process while Redis is away. In a cluster each slot
 * decides for itself, all at the same time; what one has counted is given back when another refuses.
 */
export function sharedDecision({ link, workers, time }: SharedDecisionOptions): Decide {
  const local = localDecision({ share: workers, now: time.now });
  const refusals = refusalMemory(time.clock);
  const ask = async (checks: readonly Check[]) => {
    const groups = [...Map.groupBy(checks, ({ key }) => link.slotOf?.(key) ?? 0).values()];
    const answers = await Promise.all(groups.map((group) => askRedis(link.command, group)));
    const all = answers.flat();
    const decision = decisionOf(groups.length === 1 ? all : checks.flatMap((check) => all.find(isOf(check)) ?? []));
    if (decision.refusal !== undefined) for (const standings of answers) giveBack(standings);
    return decision;
  };
  const giveBack = (standings: readonly Standing[]) => {
    if (decisionOf(standings).refusal !== undefined) return;
    const counted = standings.filter(({ isExceeded }) => !isExceeded);
    const returned = counted.map(({ check }) => ({ ...check, weight: -check.weight }));
    // If it fails, Redis is away, and somebody has a little less until their window ends.
    if (returned.length > 0) askRedis(link.command, returned).catch(() => undefined);
  };
  return async function decide(checks) {
    const known = refusals.find(checks);
    if (known !== undefined) return { standings: [known], refusal: known };
    if (link.isAway()) return local.decide(checks);
    try {
      const decision = await ask(checks);
      local.learn(decision.standings);
      if (decision.refusal !== undefined) refusals.add(decision.refusal);
      return decision;
    } catch {
      // The link has noticed and logged it: Redis is away, or refuses this.
      return local.decide(checks);
    }
  };
}

const isOf = (wanted: Check) => (standing: Standing) => standing.check === wanted;

/** Who was refused is refused again for a moment: of a flood Redis sees one request per second and worker. */
function refusalMemory(clock: () => number) {
  const refusals = new LRUCache<string, { standing: Standing; endsAt: number }>({ max: MAX_REFUSALS });
  // A lighter request might pass.
  const nameOf = ({ key, weight }: Check) => `${weight} ${key}`;
  return {
    find(checks: readonly Check[]): Standing | undefined {
      if (refusals.size === 0) return undefined;
      for (const check of checks) {
        const refusal = refusals.get(nameOf(check));
        if (refusal !== undefined && clock() < refusal.endsAt) return refusal.standing;
      }
      return undefined;
    },
    add(standing: Standing): void {
      // Logins are few, and whom an operator lets in again shall not wait.
      if (standing.check.rule.isSilent === true) return;
      const endsAt = clock() + Math.min(standing.resetMs, MAX_AGE_MS);
      refusals.set(nameOf(standing.check), { standing, endsAt });
    },
  };
}
