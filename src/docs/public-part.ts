import type { RouteSettings } from '../config/schema.ts';
import { type ComponentCopies, componentCopies } from './component-copies.ts';
import { isObject, type JsonObject, textOf } from './json.ts';
import { publicOperation } from './public-operation.ts';
import type { ServiceDocument } from './service-document.ts';

/** What clients of the gateway can use of one service, in the gateway's terms. */
export interface PublicPart {
  readonly about: string;
  /** Path items by public path. */
  readonly paths: Readonly<Record<string, JsonObject>>;
  readonly components: JsonObject;
}

interface PublicPartOptions {
  /** Name of the upstream. */
  readonly service: string;
  readonly document: ServiceDocument;
  readonly routes: readonly RouteSettings[];
  /** The route that a method on a public path takes; undefined if there is none. */
  readonly routeOf: (path: string, method: string) => RouteSettings | undefined;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;

/** A page of more can't be used, and only somebody who wants to do harm sends them. */
const MAX_OPERATIONS = 1000;

/** What could be the path of a request, with `{…}` for a parameter: everything else is refused before routing. */
const SERVABLE_PATH = /^(?:\/|(?:\/(?!\.{1,2}(?:\/|$))(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-F]{2}|\{[^{}/]*\})+)+\/?)$/;

/**
 * Takes of a service's document what some route lets through, under the paths that clients use. What no route reaches is
 * left out with the components that only it needs, so nobody learns here of what the gateway hides.
 * @throws {Error} if there is more of it than anybody could read
 */
export function publicPart(options: PublicPartOptions): PublicPart {
  const { service, document } = options;
  const copies: ComponentCopies = componentCopies(service, document.components);
  const paths: Record<string, JsonObject> = {};
  const newId = uniqueIds(service);
  let count = 0;
  for (const [path, item] of document.paths) {
    for (const { publicPath, method, route } of placesOf(path, options)) {
      const source = item[method];
      if (!isObject(source)) continue;
      if (++count > MAX_OPERATIONS) throw new Error(`more than ${MAX_OPERATIONS} operations`);
      const operation = publicOperation(source, { service, item, components: document.components, route, copies });
      const id = textOf(source.operationId);
      const named = id === undefined ? operation : { ...operation, operationId: newId(id) };
      paths[publicPath] = { ...paths[publicPath], [method]: named };
    }
  }
  const about = [document.title, document.description].filter((text) => text !== undefined).join('\n\n');
  return { about, paths, components: copies.collected() };
}

/** Where clients find a path of the service: under every prefix that some route takes off on the way to it. */
function placesOf(path: string, { service, routes, routeOf }: PublicPartOptions) {
  if (!SERVABLE_PATH.test(path)) return [];
  const prefixes = new Set(routes.filter(({ upstream }) => upstream === service).map(prefixOf));
  return [...prefixes].flatMap((prefix) => {
    const publicPath = path === '/' && prefix !== '' ? prefix : prefix + path;
    return METHODS.flatMap((method) => {
      const route = routeOf(publicPath, method.toUpperCase());
      // The longest pattern decides, and it may lead to another service or take off another prefix.
      const isOurs = route?.upstream === service && prefixOf(route) === prefix;
      return isOurs ? [{ publicPath, method, route }] : [];
    });
  });
}

function prefixOf({ stripPrefix }: RouteSettings): string {
  return stripPrefix ?? '';
}

/** Generators of clients name functions after them, so no id may come twice. */
function uniqueIds(service: string): (id: string) => string {
  const taken = new Set<string>();
  return function newId(id) {
    const base = `${service}_${id}`;
    let unique = base;
    for (let count = 2; taken.has(unique); count++) unique = `${base}_${count}`;
    taken.add(unique);
    return unique;
  };
}
