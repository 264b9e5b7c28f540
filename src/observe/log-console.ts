import { styleText } from 'node:util';
import { scrubbed } from './log-secrets.ts';
import { visible } from './log-text.ts';

/** A log line before it has become text. */
export type LogInfo = Readonly<Record<string, unknown>>;

type Style = Parameters<typeof styleText>[0];

const LEVEL_STYLES: Readonly<Record<string, Style>> = { error: 'red', warn: 'yellow', info: 'green', debug: 'gray' };

/** What every line begins with: time, worker, and a word in a column of its own. */
function beginning(at: unknown, worker: unknown, word: string, style: Style): string {
  // styleText colours only a terminal that takes colours, and heeds NO_COLOR.
  return `${styleText('gray', `${String(at).slice(11, 23)} [${worker}]`)} ${styleText(style, word.padEnd(5))}`;
}

/** A line about the worker, for people: details as `name=value`, stacks below it, indented. */
export function readableLine({ level, message, timestamp, service: _service, worker, ...details }: LogInfo): string {
  const style = LEVEL_STYLES[String(level)] ?? 'white';
  const texts = Object.entries(details).map(([name, value]): [string, string] => [name, textOf(value)]);
  const inline = texts.filter(([, text]) => !text.includes('\n')).map(([name, text]) => `${name}=${visible(text)}`);
  const below = texts.filter(([, text]) => text.includes('\n')).flatMap(([, text]) => text.split('\n'));
  const line = [visible(String(message)), ...inline].join('  ');
  // Indented, so that no line of a text from outside can pass for one of ours.
  return [`${beginning(timestamp, worker, String(level), style)} ${line}`, ...below.map(indented)].join('\n');
}

/** A line about a request, for people: what is short and has a length first, so that the columns stay in place. */
export function readableRequest({ time, worker, status, method, durationMs, ...rest }: LogInfo): string {
  const duration = typeof durationMs === 'number' ? `${durationMs.toFixed(1)} ms` : '';
  const { path, upstream, reason, code, user } = rest;
  const route = upstream === undefined ? [] : [`→ ${upstream}`];
  const others = [reason, code, user].filter((value) => value !== undefined).map((value) => String(value));
  const columns = [String(method ?? '-').padEnd(7), duration.padStart(10), String(path ?? '-'), ...route, ...others];
  return `${beginning(time, worker, String(status), styleOf(Number(status)))} ${visible(columns.join(' '))}`;
}

function styleOf(status: number): Style {
  if (status >= 500) return 'red';
  return status >= 400 ? 'yellow' : 'green';
}

function textOf(value: unknown): string {
  return scrubbed(typeof value === 'string' ? value : JSON.stringify(value));
}

function indented(line: string): string {
  return `    ${visible(line)}`;
}
