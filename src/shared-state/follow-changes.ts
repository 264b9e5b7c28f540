import type { KeptMirror } from './mirror.ts';
import { CHANGES_KEY, type SendCommand } from './stored-record.ts';

/** Changes that are read at once. */
const CHUNK = 250;

type Change = readonly [position: string, fields: readonly string[]];

interface FollowOptions {
  readonly command: SendCommand;
  /** By name. */
  readonly tables: ReadonlyMap<string, Pick<KeptMirror<unknown>, 'readAll' | 'read' | 'missing' | 'restore'>>;
  readonly logger: { warn(message: string, details?: object): void };
}

/**
 * Returns a function that brings the copies up to date, and says whether there was anything new.
 *
 * It reads the stream of changes from the last one on that is known. That one must come with it: if it doesn't, Redis was
 * emptied, replaced by an older copy, or has dropped it among too many. Then everything is read, and what Redis has lost
 * is written back.
 * @throws {Error} (from the returned function) if Redis does not answer; what was read so far stays
 */
export function followChanges({ command, tables, logger }: FollowOptions): () => Promise<boolean> {
  let position: string | undefined;
  let isRead = false;
  let isRestoring = false;
  const readAll = async () => {
    // First, so that what changes in the meantime is read twice and not missed.
    const [last] = (await command('XREVRANGE', CHANGES_KEY, '+', '-', 'COUNT', '1')) as Change[];
    for (const table of tables.values()) await table.readAll();
    position = last?.[0];
    isRead = true;
    // Nobody waits for it: the copies hold what is written.
    void restore();
  };
  const restore = async () => {
    const lost = [...tables].filter(([, { missing }]) => missing > 0);
    if (isRestoring || lost.length === 0) return;
    isRestoring = true;
    const records = Object.fromEntries(lost.map(([name, { missing }]) => [name, missing]));
    logger.warn('redis has lost records of the operator: this worker writes back what it knows', { records });
    try {
      for (const [, table] of lost) await table.restore();
    } catch {
      // Redis is away again, and what is left of it is written when it is back.
    } finally {
      isRestoring = false;
    }
  };
  return async function follow() {
    if (!isRead) {
      await readAll();
      return true;
    }
    void restore();
    for (let isChanged = false; ; isChanged = true) {
      const changes = (await command('XRANGE', CHANGES_KEY, position ?? '-', '+', 'COUNT', String(CHUNK))) as Change[];
      if (position !== undefined && changes.shift()?.[0] !== position) {
        await readAll();
        return true;
      }
      if (changes.length === 0) return isChanged;
      for (const [name, ids] of idsByTable(changes)) await tables.get(name)?.read([...ids]);
      position = changes.at(-1)?.[0];
    }
  };
}

function idsByTable(changes: readonly Change[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byTable = new Map<string, Set<string>>();
  for (const [, [table = '', id = '']] of changes) {
    byTable.set(table, (byTable.get(table) ?? new Set()).add(id));
  }
  return byTable;
}
