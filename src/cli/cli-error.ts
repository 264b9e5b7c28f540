/** How a command ends. `found`: it ran, and what it was asked about is wrong, or not there. */
export const exitCodes = { ok: 0, found: 1, usage: 2, unreachable: 3 } as const;

/** Why a command did not do what it was asked for: what was wrong, and what was expected. Shown without a stack. */
export class CliError extends Error {
  readonly kind: Exclude<keyof typeof exitCodes, 'ok'>;

  constructor(kind: CliError['kind'], message: string) {
    super(message);
    this.name = 'CliError';
    this.kind = kind;
  }
}
