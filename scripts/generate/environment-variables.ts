import { z } from 'zod';
import { environmentSchema } from '../../src/config/schema.ts';
import type { SettingNote } from '../../src/config/setting-kinds.ts';

/** One environment variable, as documents speak of it. */
export interface EnvironmentVariable extends SettingNote {
  readonly name: string;
  /** What it is when it is not set; undefined when it then has no value at all. */
  readonly fallback: string | undefined;
  readonly isRequired: boolean;
}

/** A heading and the variables under it. */
export interface VariableGroup {
  readonly title: string;
  readonly variables: readonly EnvironmentVariable[];
}

/** What belongs together, by name. The first match counts, so the last one takes the rest. */
const GROUPS: readonly { readonly title: string; readonly names: RegExp }[] = [
  { title: 'Tokens', names: /^JWT_/ },
  { title: 'Services', names: /_SERVICE_URL$/ },
  { title: 'Redis', names: /^REDIS_/ },
  { title: 'Limits', names: /RATE_LIMIT/ },
  { title: 'Browsers and proxies', names: /^(?:ALLOWED_ORIGINS|TRUST_PROXY)$/ },
  { title: 'Process', names: /^/ },
];

/** Every environment variable of the schema, in groups. */
export function groupedVariables(): VariableGroup[] {
  const groups = Map.groupBy(Object.entries(environmentSchema.shape).map(variableOf), ({ name }) =>
    GROUPS.findIndex(({ names }) => names.test(name)),
  );
  return GROUPS.map(({ title }, index) => ({ title, variables: groups.get(index) ?? [] }));
}

/** The note stands on the setting itself, which a default or an `optional()` wraps. */
function variableOf([name, schema]: [string, z.ZodType]): EnvironmentVariable {
  const isWrapped = schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  const note = (isWrapped ? (schema.def.innerType as z.ZodType) : schema).meta();
  if (note === undefined) throw new Error(`${name} has no description in src/config/schema.ts`);
  const fallback = schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : undefined;
  return { ...(note as unknown as SettingNote), name, fallback, isRequired: !isWrapped };
}
