import type { z } from 'zod';

/** Records of one kind: small, few enough for every worker's memory, and never deleted, only replaced or expired. */
export interface TableDefinition<T> {
  /** Part of the key in Redis. */
  readonly name: string;
  /** More are refused: every worker keeps all of them. */
  readonly maxRecords: number;
  /** What a record must be, whoever has written it. */
  readonly schema: z.ZodType<T>;
}

/** A record as it lies in Redis. */
export interface StoredRecord<T> {
  readonly id: string;
  /** Milliseconds since 1970 of the last change, and more than that of the one before. The highest one wins. */
  readonly revision: number;
  /** Milliseconds since 1970, after which it counts for nothing. */
  readonly expiresAtMs: number | undefined;
  readonly value: T;
}

/** What a link to Redis must be able to do: send one command, all texts. */
export type SendCommand = (...args: [string, ...string[]]) => Promise<unknown>;

/** Like all keys of the gateway for Redis's access rules, and with one hash tag, so that in a Cluster a script may touch several. */
const PREFIX = 'psa:{state}:';

/** The stream of all changes, by which workers learn what to read again. */
export const CHANGES_KEY = `${PREFIX}changes`;

/** Where the records of a table are: a hash, and an index of when they expire. */
export function keysOf({ name }: { readonly name: string }) {
  return { records: `${PREFIX}${name}`, expiries: `${PREFIX}${name}:expiries` };
}

/** The text that is stored for a record; its id is the field. */
export function textOf<T>({ revision, expiresAtMs, value }: StoredRecord<T>): string {
  return JSON.stringify({ revision, expiresAtMs, value });
}

/** The record of a stored text; undefined for what is none, such as one that a stranger has written. */
export function recordOf<T>(text: unknown, { id, schema }: { id: string; schema: z.ZodType<T> }) {
  const { revision, expiresAtMs, value } = jsonOf(text);
  const parsed = schema.safeParse(value);
  if (!parsed.success || typeof revision !== 'number') return undefined;
  const expiry = typeof expiresAtMs === 'number' ? expiresAtMs : undefined;
  return { id, revision, expiresAtMs: expiry, value: parsed.data } satisfies StoredRecord<T>;
}

/** Whether a record counts for nothing any more. */
export function isExpired({ expiresAtMs }: { readonly expiresAtMs: number | undefined }, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}

function jsonOf(text: unknown): Readonly<Record<string, unknown>> {
  if (typeof text !== 'string') return {};
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
