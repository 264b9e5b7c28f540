import { STATUS_CODES } from 'node:http';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Answer, Call } from './walk/send.ts';

const WIDTH = 100;
const INDENT = '    ';
const HANGING_INDENT = 6;

type Format = Parameters<typeof styleText>[0];

/** Everything that the demo says, in one form. Colour only where the terminal shows it and NO_COLOR doesn't forbid it. */
export interface Printer {
  heading(text: string): void;
  /** A sentence or more, wrapped. */
  say(text: string): void;
  /** A line of facts: a name, and what belongs to it. */
  fact(name: string, ...parts: string[]): void;
  /** A line to be copied: never wrapped. */
  paste(text: string): void;
  step(step: { number: number; title: string; why: string }): void;
  /** What is done that is no request. */
  act(text: string, note?: string): void;
  request(call: Pick<Call, 'method' | 'path'>, ...notes: string[]): void;
  answer(answer: Pick<Answer, 'status' | 'ms'>, ...facts: string[]): void;
  /** Something to notice, below what it is about. */
  notice(text: string): void;
  /** What was left in a log file. */
  log(file: string, fields: Readonly<Record<string, unknown>>): void;
  passed(): void;
  failed(expected: string, came: string): void;
}

/** Prints to stdout, at most 100 columns wide. */
export function createPrinter(write: (line: string) => void): Printer {
  const paint = (format: Format, text: string) => styleText(format, text);
  const dim = (text: string) => paint('dim', text);
  const flow = (head: string, parts: readonly string[], separator = '  ') => {
    for (const line of wrapped(head, parts, separator)) write(line);
  };
  return {
    heading: (text) => write(`\n${paint('bold', text)}`),
    say: (text) => flow('  ', text.split(' '), ' '),
    fact: (name, ...parts) => flow(`  ${paint('cyan', name.padEnd(9))} `, parts),
    paste: (text) => write(`  ${text}`),
    step({ number, title, why }) {
      write(`\n${paint(['bold', 'cyan'], String(number).padStart(2))}  ${paint('bold', title)}`);
      for (const line of wrapped(INDENT, why.split(' '), ' ')) write(dim(line));
    },
    act: (text, note = '') => flow(`${INDENT}${paint('magenta', '$')} ${text}  `, [dim(note)]),
    request: ({ method = 'GET', path }, ...notes) =>
      flow(`${INDENT}${paint('blue', '→')} ${method} ${path}  `, notes.map(dim)),
    answer({ status, ms }, ...facts) {
      const text = paint(['bold', colourOf(status)], `${status} ${STATUS_CODES[status] ?? ''}`);
      flow(`${INDENT}${paint(colourOf(status), '←')} ${text}  `, [dim(`${ms.toFixed(1)} ms`), ...facts]);
    },
    notice: (text) => flow(`${INDENT}  `, text.split(' '), ' '),
    log(file, fields) {
      const known = Object.entries(fields).filter(([, value]) => value !== undefined);
      flow(
        `${INDENT}${dim(`≡ ${file}`)}  `,
        known.map(([name, value]) => dim(name === 'message' ? `“${value}”` : `${name}=${value}`)),
      );
    },
    passed: () => write(`${INDENT}${paint('green', '✔ as promised')}`),
    failed(expected, came) {
      flow(`${INDENT}${paint(['bold', 'red'], '✘ expected')}  `, expected.split(' '), ' ');
      flow(`${INDENT}${paint(['bold', 'red'], '  but got')}   `, came.split(' '), ' ');
    },
  };
}

function colourOf(status: number): 'green' | 'yellow' | 'red' {
  if (status < 400) return 'green';
  return status < 500 ? 'yellow' : 'red';
}

/** Lines of at most the width. What follows the first is indented a little more than its head. */
function wrapped(head: string, parts: readonly string[], separator: string): string[] {
  const indent = Math.min(visibleLength(head), HANGING_INDENT);
  const lines = [head];
  let isFirst = true;
  for (const part of parts.filter((text) => visibleLength(text) > 0)) {
    const current = lines.at(-1) ?? '';
    const extended = isFirst ? `${current}${part}` : `${current}${separator}${part}`;
    const isFitting = visibleLength(extended) <= WIDTH || visibleLength(current) <= indent;
    if (isFitting) lines[lines.length - 1] = extended;
    else lines.push(`${' '.repeat(indent)}${part}`);
    isFirst = false;
  }
  return lines.map((line) => line.trimEnd());
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
