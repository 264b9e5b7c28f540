/** What tests look at in an OpenAPI document. */
export interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<'schemas' | 'responses' | 'parameters', Readonly<Record<string, object>>>>;
  readonly tags?: readonly Tag[];
}

export interface Tag {
  readonly name: string;
  readonly description: string;
  readonly 'x-unavailable'?: boolean;
  readonly 'x-last-known-at'?: string;
}

export interface Operation {
  readonly operationId?: string;
  readonly tags: readonly string[];
  readonly description?: string;
  readonly parameters?: readonly object[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly responses: Readonly<Record<string, object>>;
}

/**
 * An operation by method and path, such as `get /health`.
 * @throws {Error} if the document does not have it
 */
export function operationAt({ paths }: Described, name: string): Operation {
  const [method = '', path = ''] = name.split(' ');
  const operation = paths[path]?.[method];
  if (operation === undefined) throw new Error(`there is no ${name}, but only ${Object.keys(paths).join(', ')}`);
  return operation;
}

/** Every operation of a document. */
export function operationsOf({ paths }: Described): Operation[] {
  return Object.values(paths).flatMap((item) => Object.values(item));
}

/** Every reference of a document that leads nowhere in it. */
export function danglingRefs(document: object): string[] {
  const refs = [...JSON.stringify(document).matchAll(/"#(\/(?:[^"\\]|\\.)*)"/g)].map(([, pointer = '']) => pointer);
  return refs.filter((pointer) => {
    let found: unknown = document;
    for (const token of pointer.split('/').slice(1)) {
      const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
      found = typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[name] : undefined;
    }
    return found === undefined;
  });
}
