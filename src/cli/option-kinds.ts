import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** Returns what reads a whole number within bounds. */
export function wholeNumber({ min, max }: { readonly min: number; readonly max: number }): (text: string) => number {
  return function wholeNumber(text) {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** What tokens, keys and tenants may be named. */
const ID = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** Reads an id. An empty one is a variable of a shell that is not set. */
export function id(text: string): string {
  if (ID.test(text) && text.trim() !== '') return text;
  throw new InvalidArgumentError('Expected 1 to 255 characters, none of them a control character.');
}

/** Reads an IP address. */
export function address(text: string): string {
  if (isIP(text) !== 0) return text;
  throw new InvalidArgumentError('Expected an IPv4 or IPv6 address.');
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400 };

/** Reads a time such as `90s`, `15min`, `8h` or `30d`, in seconds. */
export function seconds(text: string): number {
  const [, number, unit = ''] = /^([1-9]\d{0,5})(s|min|h|d)$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * (SECONDS[unit] ?? 1);
  throw new InvalidArgumentError('Expected a time such as 90s, 15min, 8h or 30d.');
}

/** Reads names with commas between. */
export function names(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.every((item) => item !== '')) return items;
  throw new InvalidArgumentError('Expected names with commas between.');
}
