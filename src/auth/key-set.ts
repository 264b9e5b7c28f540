import type { Algorithm } from '../config/schema.ts';
import { Problem } from '../problem/problem.ts';
import { fetchJson } from './fetch-json.ts';
import { type PublicKey, publicKeys } from './public-keys.ts';
import { type Refresher, refresher } from './refresher.ts';

/** What a token says of the key that it was signed with. */
export interface WantedKey {
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
}

/** The published keys of one issuer, fetched ahead, so that no request waits for them. */
export interface KeySet {
  /**
   * The keys that may have signed a token, out of those that are at hand.
   * @throws {Problem} `jwks_unavailable` while there are none
   */
  find(wanted: WantedKey): readonly PublicKey[];
  /**
   * Fetches once more, because a token was signed with a key that is not there. Not more often than every 30 seconds,
   * whatever strangers write into their tokens.
   * @throws {Problem} `jwks_unavailable` if that fails: whether the token is good can't be said
   */
  lookAgain(): Promise<void>;
  /** Settles when the first fetch has. */
  readonly firstFetch: Promise<void>;
  report(): KeySetReport;
  close(): void;
}

export interface KeySetReport {
  /** Whether the last fetch failed: the keys are those of before, or none. */
  readonly isFailing: boolean;
  /** Since the keys were last confirmed; undefined if they never were. */
  readonly ageSeconds: number | undefined;
  readonly fetches: { readonly ok: number; readonly failed: number };
}

export interface KeySetOptions {
  readonly issuer: string;
  readonly url: string;
  readonly algorithms: readonly Algorithm[];
  readonly refreshSeconds: number;
  /** Milliseconds; only differences count. */
  readonly clock: () => number;
  /** Keys are gone from the set: what they have verified must not be believed any longer. */
  readonly onKeysRemoved: () => void;
  readonly logger: { warn(message: string, details: object): void; info(message: string, details: object): void };
}

const FETCH_TIMEOUT_MS = 2000;
const MAX_BYTES = 262_144;

/** Between two fetches for keys that are not there. */
const LOOK_AGAIN_MS = 30_000;

/** Keys that nobody has confirmed for so long verify nothing any more: one of them may have been withdrawn. */
const MAX_STALE_MS = 24 * 3_600_000;

/** Opens the key set of one issuer, and begins to fetch. */
export function openKeySet(options: KeySetOptions): KeySet {
  const { clock } = options;
  let keys: readonly PublicKey[] | undefined;
  let confirmedAt = Number.NEGATIVE_INFINITY;
  const take = (fresh: readonly PublicKey[]) => {
    const ids = new Set(fresh.map(({ id }) => id));
    const isAnyGone = keys?.some(({ id }) => !ids.has(id)) === true;
    keys = fresh;
    confirmedAt = clock();
    if (isAnyGone) options.onKeysRemoved();
  };
  const fetches = refresher({
    async fetch(signal) {
      const limits = { timeoutMs: FETCH_TIMEOUT_MS, maxBytes: MAX_BYTES, signal };
      take(await publicKeys(await fetchJson(options.url, limits), options.algorithms));
    },
    intervalMs: options.refreshSeconds * 1000,
    clock,
    onChange: (failure) => tellChange(options, { failure, keys: keys?.length ?? 0 }),
  });
  const lookAgain = withCoolDown({ fetches, clock });
  const unavailable = () => new Problem('jwks_unavailable', { retryAfterSeconds: fetches.secondsToNext() });
  return {
    firstFetch: fetches.run(),
    find({ algorithm, kid }) {
      if (keys === undefined || clock() - confirmedAt > MAX_STALE_MS) throw unavailable();
      return keys.filter((key) => key.algorithm === algorithm && (kid === undefined || key.kid === kid));
    },
    async lookAgain() {
      await lookAgain();
      if (fetches.isFailing()) throw unavailable();
    },
    report: () => ({
      isFailing: fetches.isFailing(),
      ageSeconds: keys === undefined ? undefined : (clock() - confirmedAt) / 1000,
      fetches: fetches.counts(),
    }),
    close: fetches.close,
  };
}

/** Fetches once for all who ask, and then for nobody for a while. */
function withCoolDown({ fetches, clock }: { fetches: Refresher; clock: () => number }): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  let readyAt = Number.NEGATIVE_INFINITY;
  const fetchAfresh = async () => {
    // What is under way may have been answered before the key was there.
    await fetches.underWay();
    await fetches.run();
    underWay = undefined;
  };
  return async function lookAgain() {
    if (underWay === undefined && clock() >= readyAt) {
      readyAt = clock() + LOOK_AGAIN_MS;
      underWay = fetchAfresh();
    }
    await underWay;
  };
}

function tellChange({ issuer, logger }: KeySetOptions, { failure, keys }: { failure: unknown; keys: number }): void {
  if (failure === undefined) return logger.info('the keys of an issuer can be fetched again', { issuer, keys });
  logger.warn('the keys of an issuer can not be fetched', { issuer, keys, error: String(failure) });
}
