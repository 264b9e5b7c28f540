import { styleText } from 'node:util';
import { numericColumns, type Table } from './tables.ts';

const INDENT = '  ';
const GAP = '   ';

/** A table as lines of a terminal: words to the left, numbers to the right. */
export function linesOf({ title, note, head, rows }: Table): string[] {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const isNumeric = numericColumns({ head, rows });
  const aligned = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join(GAP)
      .trimEnd();
  return [
    '',
    styleText('bold', title),
    ...(note === undefined ? [] : [styleText('dim', `${INDENT}${note}`)]),
    `${INDENT}${styleText('dim', aligned(head))}`,
    ...rows.map((row) => `${INDENT}${coloured(aligned(row))}`),
  ];
}

function coloured(line: string): string {
  if (line.startsWith('✔')) return styleText('green', '✔') + line.slice(1);
  return line.startsWith('✘') ? styleText(['bold', 'red'], line) : line;
}
