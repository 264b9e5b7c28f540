import { styleText } from 'node:util';
import { visible } from '../observe/log-text.ts';

type Cell = string | number | undefined;

/** Nothing, in a table. */
const NONE = '-';

/**
 * Rows below their headings, each column as wide as its widest cell. What a cell holds may come from strangers, and a
 * terminal would obey it: so what is not to be seen is written out.
 */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) => row.map(textOf));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ');
  return [styleText('bold', line(headings).trimEnd()), ...cells.map((row) => line(row).trimEnd())].join('\n');
}

/** Names and what belongs to them, one below the other; what is undefined is left out. */
export function fields(facts: Readonly<Record<string, Cell>>): string {
  const known = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [visible(name), value] as const);
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${styleText('bold', name.padEnd(width))}  ${textOf(value)}`).join('\n');
}

/** A moment as logs write it, to the second. */
export function moment(ms: number | undefined): string | undefined {
  if (ms === undefined) return undefined;
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : `${date.toISOString().slice(0, 19)}Z`;
}

/** Each is used from twice its length on, as 90 minutes are neither one hour nor two. */
const UNITS: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
];

/** How long it takes, in a unit that fits: `14 min`. */
export function duration(seconds: number): string {
  const [size, unit] = UNITS.find(([length]) => Math.abs(seconds) >= 2 * length) ?? [1, 's'];
  return `${Math.round(seconds / size)} ${unit}`;
}

/** `1 route`, `3 routes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function textOf(cell: Cell): string {
  return cell === undefined || cell === '' ? NONE : visible(String(cell));
}
