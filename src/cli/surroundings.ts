import type { Environment } from '../config/environment.ts';

/** What the process lends a command. */
export interface Surroundings {
  readonly environment: Environment;
  /** Where `.env`, `gateway.yaml` and relative paths are looked up. */
  readonly folder: string;
  /** The account that uses it, for the audit log. */
  readonly operator: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly write: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly readInput: () => Promise<string>;
  /** Fires when the operator has had enough. */
  readonly signal: AbortSignal;
}
