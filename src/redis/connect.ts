import { Command, Redis, type RedisOptions } from 'ioredis';
import type { Settings } from '../config/schema.ts';
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
  close(): Promise<void>;
}

/** No command keeps a request waiting longer than this. The first that does is the last: the link is away then. */
const COMMAND_TIMEOUT_MS = 80;

/** What is done before Redis counts as back keeps no request waiting, so it has the patience that a busy machine needs. */
const RETURN_TIMEOUT_MS = 1000;

/** How soon an absent Redis is noticed to be back. */
const PROBE_INTERVAL_MS = 500;

/** A connection that owes answers and says nothing for so long is given up, though nobody has closed it. */
const SILENCE_TIMEOUT_MS = 2000;

/** Connects to Redis, and watches it so that requests don't have to. */
export function connectRedis({ settings, logger }: { settings: RedisSettings; logger: RedisLogger }): RedisLink {
  const client = newClient(settings);
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
  const send = sender(client);
  const ofRequest = patience(COMMAND_TIMEOUT_MS);
  const ofReturn = patience(RETURN_TIMEOUT_MS);
  const probe = async () => {
    // One at a time: several that come back together would announce the same return several times.
    if (isClosing || isProbing || state === 'up' || client.status !== 'ready') return;
    isProbing = true;
    try {
      await Promise.all(returnWork.map((work) => work()));
      // A write, because a replica and a full Redis both answer PING. Within the time that a request would give it, because
      // a Redis that is merely too slow would come and go for ever.
      await send(['SET', 'psa:probe', '1', 'PX', '60000'], ofRequest);
      logger.info(state === 'away' ? 'redis is back: limits are shared again' : 'redis is connected');
      state = 'up';
      contact.resolve();
    } catch (error) {
      goAway(error);
    } finally {
      isProbing = false;
    }
  };
  client.on('ready', () => void probe());
  client.on('close', () => goAway(new Error('the connection was closed')));
  client.on('error', goAway);
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
    async close() {
      isClosing = true;
      clearInterval(timer);
      contact.resolve();
      await send(['QUIT'], ofRequest).catch(() => client.disconnect());
    },
  };
}

type RedisSettings = Pick<Settings, 'REDIS_URL' | 'REDIS_HOST' | 'REDIS_PORT' | 'REDIS_PASSWORD'>;

function newClient(settings: RedisSettings): Redis {
  const options: Omit<RedisOptions, 'replyMapping'> = {
    // Commands of a dead connection fail at once instead of waiting for a next one: the local counters take over.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 1000,
    // When a firewall or a failover swallows the connection no FIN ever comes, and TCP alone would try for minutes.
    socketTimeout: SILENCE_TIMEOUT_MS,
    // At the end, a Redis that does not close its side is not waited for.
    disconnectTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(100 * attempt, 1000),
    // After a failover the old primary refuses writes; a new connection finds the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  if (settings.REDIS_URL !== undefined) return new Redis(settings.REDIS_URL, options);
  const password = settings.REDIS_PASSWORD === undefined ? {} : { password: settings.REDIS_PASSWORD };
  return new Redis({ ...options, ...password, host: settings.REDIS_HOST, port: settings.REDIS_PORT });
}

/**
 * Returns a function that sends one command. Those of one turn of the event loop leave in one write. ioredis's
 * auto-pipelining does so too, but costs more than the commands, and holds back the next turn's until these are answered.
 */
function sender(client: Redis) {
  let held = '';
  const flush = (connection: Redis['stream']) => {
    connection.write(held);
    held = '';
  };
  // What ioredis writes to in place of its connection. Commands made of texts come as text.
  const turn = {
    isPipeline: true,
    destination: { redis: client },
    write(command: unknown) {
      if (held === '') setImmediate(flush, client.stream);
      held += String(command);
    },
  } as const;
  return function send([name, ...args]: readonly [string, ...string[]], watch: (command: Command) => void) {
    const command = new Command(name, args, { replyEncoding: 'utf8' });
    client.sendCommand(command, turn);
    watch(command);
    return command.promise as Promise<unknown>;
  };
}

/** Redis forgot its scripts (restart, SCRIPT FLUSH): the store loads them again and retries, so it is no outage. */
function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
