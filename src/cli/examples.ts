/** The end of a command's help: what it is typed like. */
export function examples(...lines: readonly string[]): string {
  const shown = lines.map((line) => `  $ npx gateway ${line}`);
  return ['', lines.length === 1 ? 'Example:' : 'Examples:', ...shown].join('\n');
}
