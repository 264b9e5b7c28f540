import { isObject, type Json, type JsonObject, plainJson, property, textOf } from './json.ts';

/** What is used of a service's own OpenAPI document. */
export interface ServiceDocument {
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** Path items by path. */
  readonly paths: ReadonlyMap<string, JsonObject>;
  /** By kind, such as `schemas`, then by name. */
  readonly components: JsonObject;
}

/** A page of more paths can't be used, and only somebody who wants to do harm sends them. */
const MAX_PATHS = 1000;

/**
 * Takes a service's OpenAPI 3.0 or 3.1 document, as 3.1.
 * @throws {Error} saying what was expected, if it is none
 */
export function readServiceDocument(received: unknown): ServiceDocument {
  const document = plainJson(received);
  if (!isObject(document)) throw new Error('expected a JSON object');
  const version = /^3\.([01])\.\d+/.exec(textOf(document.openapi) ?? '')?.[1];
  if (version === undefined) throw new Error('expected "openapi" to be 3.0.x or 3.1.x');
  const modern = version === '0' ? asOpenApi31(document) : document;
  const { info, paths, components } = modern as JsonObject;
  if (!isObject(paths)) throw new Error('expected "paths" to be an object');
  const items = Object.entries(paths);
  if (items.length > MAX_PATHS) throw new Error(`more than ${MAX_PATHS} paths`);
  const about = isObject(info) ? info : {};
  const named = isObject(components) ? components : {};
  return {
    title: textOf(about.title),
    description: textOf(about.description),
    paths: new Map(items.flatMap(([path, item]) => pathItem(path, item, named))),
    components: named,
  };
}

/** Nothing for what is no path, such as an extension. */
function pathItem(path: string, item: Json, components: JsonObject): [string, JsonObject][] {
  const found = isObject(item) ? followed(item, components) : undefined;
  return path.startsWith('/') && found !== undefined ? [[path, found]] : [];
}

/** What a reference to a component stands for; the value itself if it is none, undefined if it leads nowhere. */
export function followed(value: JsonObject, components: JsonObject): JsonObject | undefined {
  let found = value;
  // As far as anybody goes who is not going in circles.
  for (let step = 0; step < 8; step++) {
    if (typeof found.$ref !== 'string') return found;
    const place = componentPlace(found.$ref);
    if (place === undefined || place.within !== '') return undefined;
    const next = property(property(components, place.section), place.name);
    if (!isObject(next)) return undefined;
    found = next;
  }
  return undefined;
}

/** Where `#/components/<section>/<name>` and what may follow it leads to; undefined for every other reference. */
export function componentPlace(ref: string): { section: string; name: string; within: string } | undefined {
  const [, section, token, within = ''] = /^#\/components\/([A-Za-z]+)\/([^/]+)(\/.*)?$/s.exec(ref) ?? [];
  const name = token === undefined ? undefined : unescaped(token);
  return section === undefined || name === undefined ? undefined : { section, name, within };
}

/** A step of a reference; undefined if it is not well-formed. @see RFC 6901 §4 and §6 */
export function unescaped(token: string): string | undefined {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return undefined;
  }
}

/** Says in the words of 3.1, which is JSON Schema, what 3.0 has words of its own for. */
function asOpenApi31(value: Json): Json {
  if (Array.isArray(value)) return value.map(asOpenApi31);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, asOpenApi31(item)] as const);
  return withNull(Object.fromEntries(entries.flatMap((entry) => exclusiveBound(entry, value))));
}

/** `maximum: 5, exclusiveMaximum: true` becomes `exclusiveMaximum: 5`. */
function exclusiveBound([key, item]: readonly [string, Json], { minimum, maximum, ...rest }: JsonObject) {
  const isNumber = (bound: Json | undefined) => typeof bound === 'number';
  if (key === 'minimum' && isNumber(item) && rest.exclusiveMinimum === true)
    return [['exclusiveMinimum', item]] as const;
  if (key === 'maximum' && isNumber(item) && rest.exclusiveMaximum === true)
    return [['exclusiveMaximum', item]] as const;
  const isFlag = (key === 'exclusiveMinimum' || key === 'exclusiveMaximum') && typeof item === 'boolean';
  return isFlag ? [] : [[key, item] as const];
}

/** `nullable: true` becomes one more type. */
function withNull({ nullable, ...schema }: JsonObject): JsonObject {
  if (typeof nullable !== 'boolean') return nullable === undefined ? schema : { ...schema, nullable };
  if (!nullable) return schema;
  if (typeof schema.type === 'string' && schema.enum === undefined) return { ...schema, type: [schema.type, 'null'] };
  return { anyOf: [schema, { type: 'null' }] };
}
