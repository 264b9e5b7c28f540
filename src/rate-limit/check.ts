/** One limit as it is counted, whoever it is counted for. */
export interface Rule {
  /** As clients and metrics hear of it. */
  readonly name: string;
  /** Who is counted. */
  readonly of: 'address' | 'user' | 'tenant' | 'apiKey' | 'header' | 'account';
  /** `usage` only counts, and never refuses; `look` refuses as `fixed` would, and doesn't count. */
  readonly algorithm: 'fixed' | 'sliding' | 'token-bucket' | 'usage' | 'look';
  /** Units in a window. */
  readonly limit: number;
  readonly windowMs: number;
  /** What a token bucket holds; the same as `limit` for all others. */
  readonly burst: number;
  /** Counts and reports, and never refuses. */
  readonly isShadow: boolean;
  readonly onStoreError: 'local' | 'allow' | 'deny';
  /** Clients hear of it only when it refuses. */
  readonly isSilent?: true;
}

/** One limit that a request has to pass. */
export interface Check {
  readonly rule: Rule;
  /** Where it is counted. */
  readonly key: string;
  /** Units that the request counts; negative to give back what was counted, 0 to look. */
  readonly weight: number;
  /** Instead of the rule's, where a window ends at a date. */
  readonly windowMs?: number;
}

/** What a check has come to. */
export interface Standing {
  readonly check: Check;
  /** Units that are left in the window, this request counted. */
  readonly remaining: number;
  /** Until the window ends or the bucket is full; of a refusal, until the same request may pass. Milliseconds. */
  readonly resetMs: number;
  readonly isExceeded: boolean;
  /** Refused because Redis is away, and the rule says so. */
  readonly isUndecided?: true;
}

/** All checks of a request, decided together. */
export interface Decision {
  readonly standings: readonly Standing[];
  /** The first check that refuses; then nothing has been counted. */
  readonly refusal: Standing | undefined;
}

/** Whether a request passes all of its checks, and what is left of each. Counts it if it does. Never throws. */
export type Decide = (checks: readonly Check[]) => Promise<Decision>;

/** The decision that these standings make. */
export function decisionOf(standings: readonly Standing[]): Decision {
  const refuses = ({ isExceeded, check }: Standing) => isExceeded && !check.rule.isShadow;
  return { standings, refusal: standings.find(refuses) };
}
