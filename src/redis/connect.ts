import type { RedisSettings } from '../config/schema.ts';
import { openConnection } from './connection.ts';
import { patience } from './patience.ts';

/** What the connection tells of itself; each change once. */
export interface RedisLogger {
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
}

/** The connection to Redis and whether it can be used just now. */
export interface RedisLink {
  /** While true nobody should send anything: Redis is away, or answers too late to wait for. */
  isAway(): boolean;
  /**
   * Sends one command.
   * @throws {Error} after 80 ms at the latest, or 1 s before Redis counts as back; the link is then away until a probe succeeds
   */
  command(...args: [string, ...string[]]): Promise<unknown>;
  /** Registers work that must succeed before Redis counts as back, such as loading scripts. */
  beforeReturn(work: () => Promise<unknown>): void;
  /** Resolves when Redis has answered, or at the first failure to reach it: then the gateway starts without it. */
  firstContact(): Promise<void>;
  /** In a cluster, the slot of a key: one script may only touch keys of one. */
  readonly slotOf?: (key: string) => number;
  close(): Promise<void>;
}

/** No command keeps a request waiting longer than this. The first that does is the last: the link is away then. */
const COMMAND_TIMEOUT_MS = 80;

/** What is done before Redis counts as back keeps no request waiting, so it has the patience that a busy machine needs. */
const RETURN_TIMEOUT_MS = 1000;

/** How soon an absent Redis is noticed to be back. */
const PROBE_INTERVAL_MS = 500;

/** Connects to Redis, and watches it so that requests don't have to. */
export function connectRedis({ settings, logger }: { settings: RedisSettings; logger: RedisLogger }): RedisLink {
  const connection = openConnection(settings, { patienceMs: COMMAND_TIMEOUT_MS });
  const { send } = connection;
  const returnWork: (() => Promise<unknown>)[] = [];
  const contact = Promise.withResolvers<void>();
  let state: 'connecting' | 'up' | 'away' = 'connecting';
  let isProbing = false;
  let isClosing = false;

  const goAway = (error: unknown) => {
    if (isClosing || state === 'away') return;
    state = 'away';
    contact.resolve();
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn('redis is away: limits go on per worker, each with its share', { reason });
  };
  const ofRequest = patience(COMMAND_TIMEOUT_MS);
  const ofReturn = patience(RETURN_TIMEOUT_MS);
  const probe = async () => {
    // One at a time: several that come back together would announce the same return several times.
    if (isClosing || isProbing || state === 'up' || !connection.isReady()) return;
    isProbing = true;
    try {
      await Promise.all(returnWork.map((work) => work()));
      // A write, because a replica and a full Redis both answer PING. Within the time that a request would give it, because
      // a Redis that is merely too slow would come and go for ever.
      await Promise.all(connection.probes.map((key) => send(['SET', key, '1', 'PX', '60000'], ofRequest)));
      logger.info(state === 'away' ? 'redis is back: limits are shared again' : 'redis is connected');
      state = 'up';
      contact.resolve();
    } catch (error) {
      goAway(error);
    } finally {
      isProbing = false;
    }
  };
  connection.watch({ onReady: () => void probe(), onLoss: goAway });
  const timer = setInterval(() => void probe(), PROBE_INTERVAL_MS).unref();

  return {
    isAway: () => state !== 'up',
    command: (...args) =>
      send(args, state === 'up' ? ofRequest : ofReturn).catch((error: unknown) => {
        if (!isNoScript(error)) goAway(error);
        throw error;
      }),
    beforeReturn: (work) => void returnWork.push(work),
    firstContact: () => contact.promise,
    ...(connection.slotOf && { slotOf: connection.slotOf }),
    async close() {
      isClosing = true;
      clearInterval(timer);
      contact.resolve();
      await connection.close(ofRequest);
    },
  };
}

/** Redis forgot its scripts (restart, SCRIPT FLUSH): whoever needs one sends it again, so it is no outage. */
function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
