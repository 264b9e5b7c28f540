import type { Reason } from '../problem/catalog.ts';

/** What a refused request leaves for those who ask why. No token, no query, no body. */
export interface Refusal {
  readonly requestId: string;
  readonly time: string;
  readonly method: string;
  readonly path: string;
  /** Name of the route: its path pattern. */
  readonly route?: string | undefined;
  readonly status: number;
  readonly reason: Reason;
  /** Which check failed, and why: what the client was told. */
  readonly detail: string;
  readonly whatHelps: string;
  /** Whose request it was: a user's, or without a valid token an address's. */
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly client: string;
  /** What was left of the limits that counted it. */
  readonly limits: readonly LimitState[];
  readonly upstream?: RefusalUpstream | undefined;
}

/** A limit as the headers of the answer told it. */
export interface LimitState {
  readonly policy: string;
  readonly remaining?: number | undefined;
  readonly resetSeconds?: number | undefined;
}

/** How the service of a refused request was doing. */
export interface RefusalUpstream {
  readonly name: string;
  readonly breaker?: string | undefined;
  readonly instances?: { readonly total: number; readonly healthy: number } | undefined;
  /** Origin of the instance that was asked last; for the operator alone. */
  readonly instance?: string | undefined;
}

/** Where a refusal is kept, and for how long. */
export const REFUSAL_SECONDS = 900;
export const refusalKey = (requestId: string): string => `psa:explain:${requestId}`;

/** The form of every request id that the gateway makes or takes over. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** Whether a text can be the id of a request. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}
