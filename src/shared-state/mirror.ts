import { storedRecords, writeRecords } from './record-table.ts';
import {
  isExpired,
  keysOf,
  recordOf,
  type SendCommand,
  type StoredRecord,
  type TableDefinition,
} from './stored-record.ts';

/** Redis is busy with one such script for a millisecond. */
const WRITES_AT_ONCE = 100;

/** This worker's copy of the records of one kind, to be asked for every request. */
export interface Mirror<T> {
  /** What is known of it; undefined if nothing is, or it has expired. */
  get(id: string): T | undefined;
  /** Records that are held, those included that have just expired. */
  readonly size: number;
}

/** A copy and what keeps it: one for each table. */
export interface KeptMirror<T> extends Mirror<T> {
  /** Reads everything that Redis has. Nothing is lost by it: what Redis doesn't have stays. */
  readAll(): Promise<void>;
  /** Reads some records again. */
  read(ids: readonly string[]): Promise<void>;
  /** Records that this worker knows and Redis, when everything was read, did not. */
  readonly missing: number;
  /** Writes those back. */
  restore(): Promise<void>;
  /** Drops what has expired. */
  sweep(): void;
}

/**
 * Keeps a copy of one table. Records are never deleted but by their expiry, and of two versions the later one is right.
 * So all copies come to hold the same, whoever was cut off or emptied for a while, Redis included.
 */
export function mirrorOf<T>(
  definition: TableDefinition<T>,
  { command, now }: { command: SendCommand; now: () => number },
): KeptMirror<T> {
  const known = new Map<string, StoredRecord<T>>();
  let missing = new Map<string, StoredRecord<T>>();
  const isLive = (record: StoredRecord<T>) => !isExpired(record, now());
  const next = () => firstOf(missing.values(), WRITES_AT_ONCE);
  /** Whether Redis has what we have of it, or a later version. */
  const take = (record: StoredRecord<T>): boolean => {
    const own = known.get(record.id);
    if (own !== undefined && isLive(own) && own.revision > record.revision) return false;
    if (isLive(record)) known.set(record.id, record);
    else known.delete(record.id);
    return true;
  };
  return {
    get(id) {
      const record = known.get(id);
      return record !== undefined && isLive(record) ? record.value : undefined;
    },
    get size() {
      return known.size;
    },
    async readAll() {
      const found = new Set<string>();
      for await (const { record } of storedRecords(definition, command)) {
        if (record !== undefined && take(record)) found.add(record.id);
      }
      missing = new Map([...known].filter(([id, record]) => !found.has(id) && isLive(record)));
    },
    async read(ids) {
      const texts = (await command('HMGET', keysOf(definition).records, ...ids)) as unknown[];
      for (const [index, id] of ids.entries()) {
        const record = recordOf(texts[index], { id, schema: definition.schema });
        // Another worker may have been faster in writing back.
        if (record !== undefined && take(record)) missing.delete(id);
      }
    },
    get missing() {
      return missing.size;
    },
    async restore() {
      // One after the other: requests come in between. Where there is no room now, there won't be any soon.
      for (let writes = next(); writes.length > 0; writes = next()) {
        await writeRecords(definition, { command, writes });
        for (const { id } of writes) missing.delete(id);
      }
    },
    sweep() {
      for (const [id, record] of known) if (!isLive(record)) known.delete(id);
    },
  };
}

function firstOf<T>(items: Iterable<T>, count: number): T[] {
  const first: T[] = [];
  for (const item of items) {
    first.push(item);
    if (first.length === count) break;
  }
  return first;
}
