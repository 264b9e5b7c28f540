import { isObject, type Json, type JsonObject, property } from './json.ts';
import { componentPlace, unescaped } from './service-document.ts';

/** Copies parts of a service's document into the gateway's, where its components have names of their own. */
export interface ComponentCopies {
  /** A copy whose references lead to the copied components. */
  copy(value: Json): Json;
  /** Every component that something copied refers to, however indirectly, by kind and new name. */
  collected(): JsonObject;
}

const SECTIONS = new Set(['schemas', 'parameters', 'examples', 'requestBodies', 'headers']);

/** They give a schema an address, against which references would be resolved: perhaps one of another host. */
const ADDRESS_KEYS = new Set(['$id', '$schema', '$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveRef']);

/** Characters and values of all copies together: a document of 1 MiB could otherwise ask for gigabytes of them. */
const MAX_COPIED = 4 * 1024 * 1024;

/** In place of a reference that leads out of the document, or nowhere. */
const LEFT_OUT = 'Left out: it is not described within the document of the service.';

/**
 * Begins copies for one service.
 * @param service prefix of the new names, so that two services may both have a `Company`
 */
export function componentCopies(service: string, components: JsonObject): ComponentCopies {
  const wanted = new Map<string, { section: string; name: string; source: Json }>();
  let copied = 0;
  const count = (size: number) => {
    copied += size;
    if (copied > MAX_COPIED) throw new Error(`more than ${MAX_COPIED} characters once references are followed`);
  };

  /** The new reference; undefined if the old one must not be followed or can't be. */
  const moved = (ref: string): string | undefined => {
    const place = componentPlace(ref);
    if (place === undefined || !SECTIONS.has(place.section)) return undefined;
    const source = property(property(components, place.section), place.name);
    if (!isObject(source) || !leadsSomewhere(source, place.within)) return undefined;
    const name = `${service}_${safeName(place.name)}`;
    const target = `#/components/${place.section}/${name}`;
    wanted.set(target, { section: place.section, name, source });
    return target + place.within;
  };
  const copy = (value: Json): Json => {
    count(typeof value === 'string' ? value.length : 1);
    if (Array.isArray(value)) return value.map(copy);
    if (!isObject(value)) return value;
    const entries = Object.entries(value).flatMap(([key, item]): [string, Json][] => {
      count(key.length);
      if (key === '$ref' && typeof item === 'string') {
        count(item.length);
        const target = moved(item);
        return [target === undefined ? ['description', LEFT_OUT] : ['$ref', target]];
      }
      if (ADDRESS_KEYS.has(key) && typeof item === 'string') return [];
      if (isDiscriminator(key, item))
        return [[key, { propertyName: copy(item.propertyName ?? ''), mapping: mappingOf(item, value, moved) }]];
      return [[key, copy(item)]];
    });
    return Object.fromEntries(entries);
  };
  return {
    copy,
    collected() {
      const found: { section: string; entry: [string, Json] }[] = [];
      // Copying one component may add others: a map goes on to what is added while it is read.
      for (const { section, name, source } of wanted.values()) found.push({ section, entry: [name, copy(source)] });
      const sections = Map.groupBy(found, ({ section }) => section);
      return Object.fromEntries(
        [...sections].map(([section, items]) => [section, Object.fromEntries(items.map(({ entry }) => entry))]),
      );
    },
  };
}

/** OpenAPI allows letters, digits and `._-`; some frameworks name a schema `Page«Company»`. */
function safeName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}

function leadsSomewhere(source: Json, within: string): boolean {
  let found: Json | undefined = source;
  for (const token of within.split('/').slice(1)) {
    const name = unescaped(token);
    if (name === undefined) return false;
    found = Array.isArray(found) ? (found as readonly Json[])[Number(name)] : property(found, name);
  }
  return found !== undefined;
}

function isDiscriminator(key: string, value: Json): value is JsonObject {
  return key === 'discriminator' && isObject(value) && typeof value.propertyName === 'string';
}

/**
 * Which value stands for which schema. Without a mapping a schema's name is its value; here its name is another one, so
 * that becomes a mapping too.
 */
function mappingOf(
  { mapping }: JsonObject,
  schema: JsonObject,
  moved: (ref: string) => string | undefined,
): Record<string, string> {
  const alternatives = [schema.oneOf, schema.anyOf].flatMap((list) => (Array.isArray(list) ? (list as Json[]) : []));
  const implied = alternatives.flatMap((item): [string, string][] => {
    const ref = property(item, '$ref');
    const name = typeof ref === 'string' ? componentPlace(ref)?.name : undefined;
    return typeof ref === 'string' && name !== undefined ? [[name, ref]] : [];
  });
  const told = Object.entries(isObject(mapping) ? mapping : {}).flatMap(([value, target]): [string, string][] =>
    typeof target === 'string' ? [[value, target.includes('/') ? target : `#/components/schemas/${target}`]] : [],
  );
  const toldTargets = new Set(told.map(([, target]) => target));
  const all = [...implied.filter(([, target]) => !toldTargets.has(target)), ...told];
  return Object.fromEntries(
    all.flatMap(([value, target]) => {
      const newTarget = moved(target);
      return newTarget === undefined ? [] : [[value, newTarget]];
    }),
  );
}
