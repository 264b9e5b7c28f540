/** What a command has found out, for people and for programs. */
export interface Report {
  /** Printed as it is, unless `--json` is given. */
  readonly text: string;
  /** Printed with `--json`. */
  readonly data: unknown;
  /** Whether something was found that should not be, or was not found that should: exit code 1. */
  readonly isFinding?: boolean;
}
