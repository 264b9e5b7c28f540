/** One wrong setting: where it stands, its name, what is wrong and what was expected. */
export interface Finding {
  readonly where: string;
  readonly key: string;
  readonly problem: string;
}

/** Thrown once with every wrong setting, so that an operator mends them in one go. */
export class ConfigError extends Error {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    super(describe(findings));
    this.name = 'ConfigError';
    this.findings = findings;
  }
}

function describe(findings: readonly Finding[]): string {
  const whereWidth = Math.max(...findings.map(({ where }) => where.length));
  const keyWidth = Math.max(...findings.map(({ key }) => key.length));
  const lines = findings.map(
    ({ where, key, problem }) => `  ${where.padEnd(whereWidth)}  ${key.padEnd(keyWidth)}  ${problem}`,
  );
  const count = findings.length === 1 ? '1 setting is wrong' : `${findings.length} settings are wrong`;
  return `The configuration can't be used: ${count}.\n\n${lines.join('\n')}\n`;
}
