/** What stands for a slash, or for a slash and something that goes away, to one server or another. */
const SEPARATORS = [
  '//',
  '///',
  '/./',
  '/x/../',
  '/.//',
  '/%2e/',
  '/x/%2e%2e/',
  '/x/.%2e/',
  '/x/%2E./',
  '/x/..;/',
  '/x/..;a=b/',
  '/;/',
  '/;a=b/',
  '%2f',
  '%2F',
  '/%2f',
  '%2f/',
  '\\',
  '/\\',
  '\\/',
  '%5c',
  '%5C',
  '/x\\..\\',
  '/x%5c..%5c',
  '%252f',
  '%25252f',
  '%255c',
  '/x/%252e%252e/',
  '/x/..%20/',
  '/x/%20../',
  '/%20/',
  '%20/',
  '/x/%25%32%65%25%32%65/',
  '%25%32%66',
  '/%00/',
  '%00/',
  '/%0a/',
  '/%0d%0a',
  '/%09',
  '/%7f',
  '/%c0%ae/',
  '%c0%af',
  '%c1%9c',
  '%e0%80%af',
  '/x/%c0%ae%c0%ae/',
  '/%u002e/',
  '%u2215',
  '/%%32%65/',
  '/%',
  '/%2',
];

/** Ways to write a word of a path. */
const WORDS: readonly ((word: string) => string)[] = [
  (word) => word.toUpperCase(),
  (word) => word.charAt(0).toUpperCase() + word.slice(1),
  (word) => word.slice(0, -1) + word.slice(-1).toUpperCase(),
  (word) => `%${word.charCodeAt(0).toString(16)}${word.slice(1)}`,
  (word) => Array.from(word, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join(''),
  (word) => `%${word.toUpperCase().charCodeAt(0).toString(16)}${word.slice(1)}`,
  (word) => `%25${word.charCodeAt(0).toString(16)}${word.slice(1)}`,
  (word) => `${word};`,
  (word) => `${word};a=b`,
  (word) => `;a=b${word}`,
  (word) => `${word}%3b`,
  (word) => `${word}%00`,
  (word) => `${word}%00.html`,
  (word) => `${word}%0a`,
  (word) => `${word}%20`,
  (word) => `%20${word}`,
  (word) => `${word}/`,
  (word) => `${word}/.`,
  (word) => `${word}/..`,
  (word) => `${word}/../${word}`,
  (word) => `./${word}`,
  (word) => `../${word}`,
  (word) => `x/../${word}`,
  (word) => `${word}\\`,
  (word) => `${word}#`,
  (word) => `${word}?`,
];

/** Other spellings of a path: each slash, and each word, in every way that some server reads as the plain one. */
export function spellingsOf(path: string): string[] {
  const words = path.slice(1).split('/');
  const withSeparators = words.flatMap((_word, at) =>
    SEPARATORS.map((separator) => `${prefixOf(words, at)}${separator}${words.slice(at).join('/')}`),
  );
  const withWords = words.flatMap((word, at) =>
    WORDS.map((spell) => `/${words.toSpliced(at, 1, spell(word)).join('/')}`),
  );
  return [
    ...new Set([...withSeparators, ...withWords, `${path}/`, `${path}//`, `${path}/.`, `/.${path}`, `/x/..${path}`]),
  ];
}

function prefixOf(words: readonly string[], at: number): string {
  return at === 0 ? '' : `/${words.slice(0, at).join('/')}`;
}

/** How the most lenient server would read a path: the worst that may stand behind a gateway. */
export function asLenientServersRead(path: string): string {
  let text = path.replace(/[?#].*$/s, '');
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(/%c0%ae/gi, '.').replace(/%(?:c0%af|c1%9c|e0%80%af)/gi, '/');
    text = text.replace(/%([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  const segments: string[] = [];
  for (const raw of text.toLowerCase().replaceAll('\\', '/').split('/')) {
    const segment = raw.replace(/[;\0\r\n].*$/s, '').trim();
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}
