import fc from 'fast-check';

type Mutation = (text: string) => string;

interface MutatedOptions {
  readonly corpus: readonly string[];
  /** What mutations put in, beside single bytes. */
  readonly tokens: readonly string[];
  readonly maxMutations: number;
}

/** Texts of a corpus, each changed in some places. What fails shrinks to the fewest changes that still fail. */
export function mutated({ corpus, tokens, maxMutations }: MutatedOptions): fc.Arbitrary<string> {
  const mutations = fc.array(mutation(tokens), { maxLength: maxMutations, size: 'max' });
  return fc
    .tuple(fc.constantFrom(...corpus), mutations)
    .map(([text, changes]) => changes.reduce((changed, change) => change(changed), text));
}

/** A number that `placeIn` makes a place in any text, so that a shorter text doesn't change what the others do. */
const place = fc.nat({ max: 1_000_003 });
const placeIn = (text: { readonly length: number }, at: number) => at % (text.length + 1);

const splice = (text: string, { at, count, put }: { at: number; count: number; put: string }) =>
  text.slice(0, at) + put + text.slice(at + count);

function mutation(tokens: readonly string[]): fc.Arbitrary<Mutation> {
  const byte = fc.oneof(
    fc.constantFrom(...'\r\n\0 \t:;,%/\\.#?-_+0123456789abcfx'),
    fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)),
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.tuple(place, byte).map(replaceByte) },
    { weight: 2, arbitrary: fc.tuple(place, byte).map(insert) },
    { weight: 3, arbitrary: fc.tuple(place, fc.constantFrom(...tokens)).map(insert) },
    { weight: 2, arbitrary: fc.tuple(place, fc.constantFrom(...tokens)).map(insertLine) },
    { weight: 2, arbitrary: fc.tuple(place, fc.nat({ max: 8 })).map(remove) },
    { weight: 2, arbitrary: fc.tuple(place, place).map(copyLine) },
    { weight: 1, arbitrary: fc.tuple(place, place).map(swapLines) },
    { weight: 1, arbitrary: place.map(removeLine) },
    { weight: 2, arbitrary: fc.tuple(place, fc.constantFrom(...LINE_ENDS)).map(changeLineEnd) },
    { weight: 2, arbitrary: fc.tuple(place, fc.constantFrom(...COLONS)).map(changeColon) },
    { weight: 2, arbitrary: fc.tuple(place, fc.constantFrom(...SPELLINGS)).map(respellName) },
    { weight: 3, arbitrary: fc.tuple(place, fc.constantFrom(...NUMBERS)).map(changeNumber) },
    { weight: 1, arbitrary: place.map(truncate) },
  );
}

const LINE_ENDS = ['\n', '\r', '\r\r', '', '\r\r\n', '\n\r', '\r\n ', '\r\n\t', '\r\n\r\n', '\0\r\n', ' \r\n'];
const COLONS = [':', ' :', '\t:', ': :', '::', ':  ', ':\t', ':\x0b', '', ' ', '=', ':\r\n '];
const SPELLINGS: readonly Mutation[] = [
  (name) => name.toUpperCase(),
  (name) => name.toLowerCase(),
  (name) => name.replaceAll('-', '_'),
  (name) => name.replaceAll('-', '.'),
  (name) => name.replace('-', '--'),
  (name) => ` ${name}`,
  (name) => `${name}\0`,
  (name) => `\t${name}`,
  (name) => `X-${name}`,
];
const NUMBERS: readonly Mutation[] = [
  (text) => String(Number(text) + 1),
  (text) => String(Math.max(0, Number(text) - 1)),
  (text) => `+${text}`,
  (text) => `-${text}`,
  (text) => `0${text}`,
  (text) => `0x${text}`,
  (text) => `${text}, ${text}`,
  (text) => `${text} 0`,
  (text) => `${text}.0`,
  (text) => `${text}e0`,
  (text) => `${text};a=b`,
  (text) => text + '0'.repeat(16),
  () => '0',
  () => '18446744073709551616',
  () => '65536',
];

const replaceByte = ([at, put]: [number, string]): Mutation => {
  return (text) => splice(text, { at: placeIn(text, at), count: 1, put });
};
const insert = ([at, put]: [number, string]): Mutation => {
  return (text) => splice(text, { at: placeIn(text, at), count: 0, put });
};
const remove = ([at, count]: [number, number]): Mutation => {
  return (text) => splice(text, { at: placeIn(text, at), count, put: '' });
};
const truncate = (at: number): Mutation => {
  return (text) => text.slice(0, placeIn(text, at));
};

/** Changes the lines of a text, without their ends. */
const onLines = (change: (lines: string[]) => readonly string[]): Mutation => {
  return (text) => change(text.split('\r\n')).join('\r\n');
};
const insertLine = ([at, put]: [number, string]) =>
  onLines((lines) => lines.toSpliced(placeIn(lines, at), 0, put.replace(/\r\n$/, '')));
const copyLine = ([from, to]: [number, number]) =>
  onLines((lines) => lines.toSpliced(placeIn(lines, to), 0, lines[from % lines.length] ?? ''));
const removeLine = (at: number) => onLines((lines) => lines.toSpliced(at % lines.length, 1));
const swapLines = ([one, other]: [number, number]) =>
  onLines((lines) => {
    const [first = '', second = ''] = [lines[one % lines.length], lines[other % lines.length]];
    return lines.with(one % lines.length, second).with(other % lines.length, first);
  });

/** Changes one of the places that a pattern finds. */
function changeMatch(pattern: RegExp, at: number, change: Mutation): Mutation {
  return (text) => {
    const matches = [...text.matchAll(pattern)];
    const match = matches[at % Math.max(1, matches.length)];
    if (match === undefined) return text;
    return splice(text, { at: match.index, count: match[0].length, put: change(match[0]) });
  };
}
const changeLineEnd = ([at, put]: [number, string]) => changeMatch(/\r\n/g, at, () => put);
const changeColon = ([at, put]: [number, string]) => changeMatch(/: ?/g, at, () => put);
const respellName = ([at, change]: [number, Mutation]) => changeMatch(/^[A-Za-z][\w-]*(?=:)/gm, at, change);
const changeNumber = ([at, change]: [number, Mutation]) => changeMatch(/\d+/g, at, change);
