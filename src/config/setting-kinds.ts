import { isIP } from 'node:net';
import { z } from 'zod';

/** What the documentation says of one environment variable, beside its type. */
export interface SettingNote {
  readonly description: string;
  readonly expected: string;
  readonly unit?: string | undefined;
  readonly example?: string | undefined;
  /** A secret's value is never repeated, not even in an error message. */
  readonly isSecret?: boolean;
}

type Parse<T> = (text: string) => T | undefined;

/**
 * One environment variable: a text that `parse` turns into its value, or refuses by returning undefined.
 * Every refusal says the same two things: what was expected and, unless it is secret, what was found.
 */
export function setting<T>(parse: Parse<T>, note: SettingNote) {
  return z
    .string({ error: `missing; expected ${note.expected}` })
    .transform((text, context) => {
      const value = parse(text.trim());
      if (value !== undefined) return value;
      const found = note.isSecret ? '' : `, got ${JSON.stringify(withoutPassword(text))}`;
      context.issues.push({ code: 'custom', message: `expected ${note.expected}${found}`, input: text });
      return z.NEVER;
    })
    .meta({ ...note });
}

/** A URL may carry a password where none is expected; a mistake must not print it. */
function withoutPassword(text: string): string {
  return text.replaceAll(/\/\/[^/\s]*@/g, '//***@');
}

/** A whole number within bounds, in the unit that its name carries. */
export function wholeNumber({ min, max, ...note }: { min: number; max: number } & Omit<SettingNote, 'expected'>) {
  const parse = (text: string) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
  return setting(parse, { ...note, expected: `a whole number from ${min} to ${max}` });
}

/** One of a closed list of words. */
export function oneOf<const Word extends string>(words: readonly Word[], note: Omit<SettingNote, 'expected'>) {
  return setting((text) => words.find((word) => word === text), {
    ...note,
    expected: `one of ${words.join(', ')}`,
  });
}

/** Any text that is not empty. */
export function text(note: Omit<SettingNote, 'expected'> & { expected?: string }) {
  return setting((value) => value || undefined, { expected: 'a text', ...note });
}

/** A comma-separated list; `parseItem` refuses an item by returning undefined. */
export function listOf<T>(parseItem: Parse<T>, note: SettingNote) {
  return setting((value) => {
    const items = value.split(',').map((item) => parseItem(item.trim()));
    return items.includes(undefined) ? undefined : (items as T[]);
  }, note);
}

/** `http(s)://host[:port]` and nothing after it. Returns the origin, without a trailing slash. */
export function parseHttpOrigin(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  // The URL standard takes `*` and `${NAME}` for host names; whoever writes them means something else.
  if (!/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/.test(url.hostname)) return undefined;
  const hasMore = url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username + url.password !== '';
  return hasMore || text.includes('?') || text.includes('#') ? undefined : url.origin;
}

/** `redis://` or `rediss://` with a host. */
export function parseRedisUrl(text: string): string | undefined {
  const url = URL.parse(text);
  return url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '' ? text : undefined;
}

/** An address, a CIDR or one of Express's names for a range. `true` and hop counts trust strangers, so they are refused. */
export function parseProxyRange(text: string): string | undefined {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return text;
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return undefined;
  if (prefix === undefined) return text;
  // A prefix of 0 would trust the whole internet, which is `true` by another name.
  const isPrefix = /^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= (family === 4 ? 32 : 128);
  return isPrefix ? text : undefined;
}
