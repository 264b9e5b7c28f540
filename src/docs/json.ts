/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of a JSON text. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Deeper than any schema that people write, and far less than what overflows a stack. */
const MAX_DEPTH = 100;

/** Whoever copies these from object to object by assignment changes what every object inherits. */
const UNSAFE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a value is an object, and neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text, if the value is one. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** What an object itself has under a name that a stranger chose, and never what all objects inherit. */
export function property(object: Json | undefined, name: string): Json | undefined {
  return isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined;
}

/**
 * A copy of parsed JSON that comes from a stranger: without unsafe keys.
 * @throws {Error} if it is nested too deep
 */
export function plainJson(value: unknown, depth = 0): Json {
  if (depth > MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return value.map((item) => plainJson(item, depth + 1));
  if (isObject(value)) {
    const entries = Object.entries(value).filter(([key]) => !UNSAFE_KEYS.has(key));
    return Object.fromEntries(entries.map(([key, item]) => [key, plainJson(item, depth + 1)]));
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
