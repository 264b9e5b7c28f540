import { userInfo } from 'node:os';

/** One command of a document, with the output that is printed below it. */
export interface DocumentedCommand {
  readonly command: string;
  readonly output: string;
}

const BLOCK = /^```console\n([\s\S]*?)^```$/gm;

/** The commands of all `console` blocks of a document, in order. */
export function documentedCommands(document: string): DocumentedCommand[] {
  return [...document.matchAll(BLOCK)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...output] = part.split('\n');
        return { command, output: output.join('\n').trimEnd() };
      }),
  );
}

/** The same document with other outputs. */
export function withOutputs(document: string, outputs: readonly string[]): string {
  const rest = [...outputs];
  return document.replaceAll(BLOCK, (_block, content: string) => {
    const commands = content.split(/^\$ /m).slice(1);
    const shown = commands.map((part) => [`$ ${part.split('\n')[0]}`, rest.shift()].filter(Boolean).join('\n'));
    return `\`\`\`console\n${shown.join('\n\n')}\n\`\`\``;
  });
}

const IDS = [
  /psa_[0-9a-f]{16}_[\w-]{43}/,
  /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/,
  /\b[0-9a-f]{32}\b/,
  /\b[0-9a-f]{16}\b/,
];
const TIMES = [/\d{4}-\d\d-\d\dT[\d:.]+Z/, /\b\d+ s ago/, /\b\d+ min\b/, /\b\d{13}-\d+\b/, /\b\d{4}-\d\d-\d\d\b/];
const anyOf = (patterns: readonly RegExp[]) => new RegExp(patterns.map(({ source }) => source).join('|'), 'g');

/** An output as a document may show it: without the account of whoever wrote that. */
export function anonymous(output: string): string {
  return output.replaceAll(new RegExp(`\\b${userInfo().username}$`, 'gm'), 'operator');
}

/** An output in which nothing is left that is another each time. */
export function settled(output: string): string {
  return anonymous(output)
    .replaceAll(anyOf([...IDS, ...TIMES]), '<…>')
    .replaceAll(/ {2,}/g, '  ')
    .trimEnd();
}

/** Ids that an output shows, in order: what one command has made, others are used on. */
export function idsIn(output: string): string[] {
  return output.match(anyOf(IDS)) ?? [];
}
