/** A table of texts: a heading, and lines that have as many cells. */
export interface Table {
  readonly heading: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** For a terminal. */
export function asText({ heading, lines }: Table): string {
  const all = [heading, ...lines];
  const widths = heading.map((_, column) => Math.max(...all.map((line) => (line[column] ?? '').length)));
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** For a document. */
export function asMarkdown({ heading, lines }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...lines.map(line)].join('\n');
}

/** Three significant digits, and never more than two behind the point. */
export function short(value: number): string {
  if (Math.abs(value) >= 100) return whole(value);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** Without a fraction, thousands apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
