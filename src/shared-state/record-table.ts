import {
  CHANGES_KEY,
  isExpired,
  keysOf,
  recordOf,
  type SendCommand,
  type StoredRecord,
  type TableDefinition,
  textOf,
} from './stored-record.ts';

/** The records of one kind in Redis, for those who change them. Workers read their own copies (`mirror.ts`). */
export interface RecordTable<T> {
  get(id: string): Promise<T | undefined>;
  /** All that have not expired, by id. */
  list(): Promise<readonly StoredRecord<T>[]>;
  /**
   * Replaces a record, or makes one, atomically. Workers know of it within a second.
   * @param change gets what is there, and returns what shall be there; undefined leaves it as it is
   * @returns what is there now
   * @throws {Error} if the table is full, or others keep changing the record
   */
  update(id: string, change: (current: T | undefined) => Change<T> | undefined): Promise<T | undefined>;
}

/** What a record becomes. */
export interface Change<T> {
  readonly value: T;
  /** Milliseconds since 1970. Without it the record stays. */
  readonly expiresAtMs?: number | undefined;
}

/** A record that is to be written. */
export interface Write<T> extends StoredRecord<T> {
  /** The revision that must be there, 0 for none. Without it, any lower one is replaced. */
  readonly basis?: number;
}

/** Somebody else may have changed it in between. */
const MAX_ATTEMPTS = 5;

/** Reading so many takes a worker a few milliseconds, in which nothing else is served. */
const SCAN_COUNT = '250';

/** A worker that has missed more than so many changes reads everything again. */
const MAX_CHANGES = '10000';

/**
 * Writes records and tells of them, all or nothing as Redis runs it. First it removes what has expired, a minute late
 * for the sake of clocks that differ: whoever adds records cleans up, so the table can't grow with what is over.
 * ARGV: table, most records, most changes; then for each record id, basis, revision, expiry, text. Returns how many were
 * written, -1 if there was no room: an error would count as a failure of Redis.
 */
const WRITE = `
local time = redis.call('TIME')
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', (time[1] - 60) * 1000, 'LIMIT', 0, 1000)
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[2], unpack(gone))
end
local written = 0
for i = 4, #ARGV, 5 do
  local id, basis, revision, expiry, text = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local stored = redis.call('HGET', KEYS[1], id)
  local old = stored and tonumber(string.match(stored, '"revision":(%d+)')) or 0
  if (basis ~= '' and old == tonumber(basis)) or (basis == '' and old < tonumber(revision)) then
    if not stored and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then
      return -1
    end
    redis.call('HSET', KEYS[1], id, text)
    if expiry == '' then redis.call('ZREM', KEYS[2], id) else redis.call('ZADD', KEYS[2], expiry, id) end
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', ARGV[1], id)
    written = written + 1
  end
end
return written`;

/** Opens the records of one kind, over any link to Redis. */
export function recordTable<T>(
  definition: TableDefinition<T>,
  { command, now }: { command: SendCommand; now: () => number },
): RecordTable<T> {
  const { records } = keysOf(definition);
  const { schema } = definition;
  const stored = async (id: string) => recordOf(await command('HGET', records, id), { id, schema });
  const usable = (record: StoredRecord<T> | undefined) =>
    record === undefined || isExpired(record, now()) ? undefined : record.value;
  return {
    get: async (id) => usable(await stored(id)),
    async list() {
      const found = new Map<string, StoredRecord<T>>();
      for await (const { record } of storedRecords(definition, command)) {
        if (record !== undefined && !isExpired(record, now())) found.set(record.id, record);
      }
      return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    async update(id, change) {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const old = await stored(id);
        const current = usable(old);
        const changed = change(current);
        if (changed === undefined) return current;
        const { value, expiresAtMs } = changed;
        const basis = old?.revision ?? 0;
        const record = { id, basis, revision: Math.max(now(), basis + 1), expiresAtMs, value };
        const written = await writeRecords(definition, { command, writes: [record] });
        if (written === 1) return value;
        if (written === -1)
          throw new Error(`${definition.name} holds ${definition.maxRecords} records, all that it may`);
      }
      throw new Error(`the record ${id} of ${definition.name} is being changed by others; try again`);
    },
  };
}

/** Writes records in one go. Returns how many of them were new to Redis, -1 if there was no room for all. */
export async function writeRecords<T>(
  definition: TableDefinition<T>,
  { command, writes }: { command: SendCommand; writes: readonly Write<T>[] },
): Promise<number> {
  const { records, expiries } = keysOf(definition);
  const argv = writes.flatMap((write) => [
    write.id,
    String(write.basis ?? ''),
    String(write.revision),
    String(write.expiresAtMs ?? ''),
    textOf(write),
  ]);
  const limits = [definition.name, String(definition.maxRecords), MAX_CHANGES];
  return Number(await command('EVAL', WRITE, '3', records, expiries, CHANGES_KEY, ...limits, ...argv));
}

/** Everything that Redis has of a table, some of it perhaps twice; without a record where the text is none. */
export async function* storedRecords<T>({ schema, ...definition }: TableDefinition<T>, command: SendCommand) {
  const { records } = keysOf(definition);
  let cursor = '0';
  do {
    const [next, fields] = (await command('HSCAN', records, cursor, 'COUNT', SCAN_COUNT)) as [string, string[]];
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const id = String(fields[i]);
      yield { id, record: recordOf(fields[i + 1], { id, schema }) };
    }
    cursor = String(next);
  } while (cursor !== '0');
}
