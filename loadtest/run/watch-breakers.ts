import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** A breaker of a worker that was seen in another state than before. */
export interface BreakerChange {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly worker: string;
  readonly upstream: string;
  readonly state: string;
}

/** What became of the breakers of all workers during the watch. */
export interface BreakerStory {
  readonly changes: readonly BreakerChange[];
  readonly openings: number;
  /** Requests that an open breaker has refused. */
  readonly rejects: number;
  readonly openAtEnd: number;
}

/** Looks at the breakers again and again until it is stopped. */
export interface BreakerWatch {
  /** Whether the breakers of an upstream were closed in all workers at the last look. */
  areClosed(upstream: string): boolean;
  /** Undefined if the gateway doesn't tell us: it tells only its own machine. */
  stop(): Promise<BreakerStory | undefined>;
}

const LOOK_INTERVAL_MS = 500;
const PATIENCE_MS = 5000;
const CLOSED = 'CLOSED';

const breaker = z.object({ state: z.string(), openings: z.number(), rejects: z.number() });
const details = z.object({
  workers: z.array(z.object({ worker: z.string(), circuitBreakers: z.record(z.string(), breaker) })),
});

interface Sighting extends z.infer<typeof breaker> {
  readonly worker: string;
  readonly upstream: string;
}

type Look = ReadonlyMap<string, Sighting>;

/** Starts to watch, with a first look. */
export async function watchBreakers(url: string): Promise<BreakerWatch> {
  const changes: BreakerChange[] = [];
  const controller = new AbortController();
  const first = await lookAtBreakers(url);
  let last = first;
  const watching = (async () => {
    while (last !== undefined && !controller.signal.aborted) {
      await sleep(LOOK_INTERVAL_MS, undefined, { signal: controller.signal }).catch(() => undefined);
      const next = await lookAtBreakers(url);
      if (next === undefined) continue;
      changes.push(...changesBetween(last, next));
      last = next;
    }
  })();
  return {
    areClosed: (upstream) =>
      [...(last ?? [])].every(([, sighting]) => sighting.upstream !== upstream || sighting.state === CLOSED),
    async stop() {
      controller.abort();
      await watching;
      return first && last && storyOf(changes, first, last);
    },
  };
}

async function lookAtBreakers(url: string): Promise<Look | undefined> {
  try {
    const answer = await fetch(`${url}/health/detailed`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const { workers } = details.parse(await answer.json());
    const sightings = workers.flatMap(({ worker, circuitBreakers }) =>
      Object.entries(circuitBreakers).map(([upstream, state]) => ({ ...state, worker, upstream })),
    );
    return new Map(sightings.map((sighting) => [`${sighting.worker} ${sighting.upstream}`, sighting]));
  } catch {
    // Told to nobody outside of its machine, or a gateway too busy to say: the next look may have more luck.
    return undefined;
  }
}

function changesBetween(before: Look, now: Look): BreakerChange[] {
  const changed = [...now].filter(
    ([key, { state }]) => before.get(key) !== undefined && before.get(key)?.state !== state,
  );
  return changed.map(([, { worker, upstream, state }]) => ({ atMs: Date.now(), worker, upstream, state }));
}

function storyOf(changes: readonly BreakerChange[], first: Look, last: Look): BreakerStory {
  const grown = (count: 'openings' | 'rejects') =>
    [...last].reduce((sum, [key, sighting]) => sum + sighting[count] - (first.get(key)?.[count] ?? 0), 0);
  return {
    changes,
    openings: grown('openings'),
    rejects: grown('rejects'),
    openAtEnd: [...last.values()].filter(({ state }) => state !== CLOSED).length,
  };
}
