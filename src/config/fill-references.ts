import type { Environment } from './environment.ts';

/** What is wrong with the value at a path of `gateway.yaml`. */
export interface Complaint {
  readonly path: readonly PropertyKey[];
  readonly problem: string;
}

interface Place {
  readonly path: readonly PropertyKey[];
  /** A secret must be a reference: the file is read by more people than the environment. */
  readonly isSecret?: boolean;
}

const REFERENCE = /^\$\{([A-Z][A-Z0-9_]*)\}$/;

/**
 * `${NAME}` becomes the value of that variable, in the places that allow it. Only a whole value, so that a file can't build
 * URLs from parts.
 * @param file the parsed file; it is changed
 */
export function fillReferences(file: unknown, environment: Environment): Complaint[] {
  return places(file).flatMap(({ path, isSecret = false }) => {
    const holder = at(file, path.slice(0, -1));
    const key = path.at(-1) ?? '';
    const value = holder?.[key];
    if (holder === undefined || value === undefined) return [];
    const name = REFERENCE.exec(String(value))?.[1];
    if (name === undefined) {
      return isSecret
        ? [{ path, problem: 'expected `${NAME}` of an environment variable, never the secret itself' }]
        : [];
    }
    if (!environment[name]) return [{ path, problem: `refers to ${name}, which is not set` }];
    holder[key] = environment[name];
    return [];
  });
}

function places(file: unknown): Place[] {
  const assertionKeys = ['identity', 'assertion', 'keys'];
  return [
    ...Object.keys(at(file, ['upstreams']) ?? {}).map((name) => ({ path: ['upstreams', name, 'url'] })),
    { path: ['identity', 'introspection', 'clientSecret'], isSecret: true },
    ...Object.keys(at(file, assertionKeys) ?? {}).map((index) => ({
      path: [...assertionKeys, Number(index)],
      isSecret: true,
    })),
  ];
}

function at(value: unknown, path: readonly PropertyKey[]): Record<PropertyKey, unknown> | undefined {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[key];
  }
  return typeof found === 'object' && found !== null ? (found as Record<PropertyKey, unknown>) : undefined;
}
