import type { z } from 'zod';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** One key of `gateway.yaml`, as the documentation speaks of it. */
export interface GatewayKey {
  /** Dotted; `<name>` stands for any name, `[]` for each item of a list. */
  readonly path: string;
  readonly type: string;
  /** What leaving it out means, in Markdown. */
  readonly fallback: string;
  readonly description: string;
}

/** Every key below an object schema, from the outside in. */
export function keysOf(schema: JsonSchema, prefix = ''): GatewayKey[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    if (typeof child === 'boolean') return [];
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const key = {
      path,
      type: typeOf(child),
      fallback: schema.required?.includes(name) ? '**required**' : fallbackOf(child),
      description: child.description ?? '',
    };
    return [key, ...nestedKeys(child, path)];
  });
}

function nestedKeys(schema: JsonSchema, path: string): GatewayKey[] {
  const items = single(schema.items);
  if (items?.properties !== undefined) return keysOf(items, `${path}[]`);
  const values = single(schema.additionalProperties);
  if (values?.properties !== undefined) return keysOf(values, `${path}.<name>`);
  return keysOf(schema, path);
}

/** In words, with its bounds. */
function typeOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(', or ');
  if (schema.enum !== undefined) return `one of ${schema.enum.map(code).join(', ')}`;
  if (schema.type === 'array') return listTypeOf(schema);
  if (schema.type === 'object')
    return single(schema.additionalProperties) === undefined ? 'section' : mapTypeOf(schema);
  if (schema.type === 'boolean') return '`true` or `false`';
  if (schema.type === 'integer') return `whole number${boundsOf(schema)}`;
  if (schema.type === 'number') return `number${boundsOf(schema)}`;
  return schema.pattern === undefined ? 'text' : `text like ${code(schema.pattern)}`;
}

function listTypeOf({ items, minItems = 0 }: JsonSchema): string {
  const item = single(items);
  const atLeast = minItems > 0 ? ` (at least ${minItems})` : '';
  return item === undefined || item.type === 'object'
    ? `list of sections${atLeast}`
    : `list${atLeast}, each ${typeOf(item)}`;
}

function mapTypeOf({ propertyNames, additionalProperties }: JsonSchema): string {
  const pattern = single(propertyNames)?.pattern;
  const values = single(additionalProperties)?.type === 'object' ? 'section' : 'text';
  return `map of ${pattern === undefined ? 'names' : `names like ${code(pattern)}`} to ${values}`;
}

function boundsOf({ minimum, maximum }: JsonSchema): string {
  const isOpen = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  const from = minimum === undefined ? '' : ` from ${grouped(minimum)}`;
  return isOpen ? from : `${from} to ${grouped(maximum)}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-GB');
}

function fallbackOf({ default: value }: JsonSchema): string {
  if (value === undefined) return 'none';
  if (JSON.stringify(value) === '{}') return 'those of its keys';
  if (Array.isArray(value)) return value.map(code).join(', ');
  if (typeof value !== 'object') return code(value);
  return Object.entries(value as object)
    .map(([name, item]) => code(`${name}: ${item}`))
    .join(', ');
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}

function single(schema: JsonSchema['items'] | boolean): JsonSchema | undefined {
  return typeof schema === 'object' && !Array.isArray(schema) ? schema : undefined;
}
