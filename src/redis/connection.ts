import { Cluster, Command, Redis, type RedisOptions } from 'ioredis';
import type { RedisSettings } from '../config/schema.ts';
import { keySlot, spreadKeys } from './key-slot.ts';

type Words = readonly [string, ...string[]];
type Watch = (command: Command) => void;

/** What is connected: one Redis, the primary that Sentinels know, or a Cluster. */
export interface Connection {
  isReady(): boolean;
  /** @param watch is given the command, to give it up in time */
  send(words: Words, watch: Watch): Promise<unknown>;
  watch(events: { onReady: () => void; onLoss: (error: unknown) => void }): void;
  /** Keys of which every server that takes writes has one. */
  readonly probes: readonly string[];
  /** In a cluster only. */
  readonly slotOf?: (key: string) => number;
  close(watch: Watch): Promise<void>;
}

/** A connection that owes answers and says nothing for so long is given up, though nobody has closed it. */
const SILENCE_TIMEOUT_MS = 2000;

/** How long one Sentinel is waited for, before the next is asked. */
const SENTINEL_PATIENCE_MS = 500;

/** How soon a connection that was lost is made again. While Sentinels still name the old primary, each try is in vain. */
const backOff = (attempt: number) => Math.min(100 * attempt, 500);

/** Connects, and connects again for ever. Nothing waits for a connection: what is sent without one fails at once. */
export function openConnection(settings: RedisSettings, { patienceMs }: { patienceMs: number }): Connection {
  const options: SharedOptions = {
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 1000,
    // When a firewall or a failover swallows the connection no FIN ever comes, and TCP alone would try for minutes.
    socketTimeout: SILENCE_TIMEOUT_MS,
    // At the end, a Redis that does not close its side is not waited for.
    disconnectTimeout: patienceMs,
    // After a failover the old primary refuses writes; a new connection finds the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...credentials(settings),
  };
  return settings.REDIS_CLUSTER_NODES === undefined ? toOne(settings, options) : toCluster(settings, options);
}

type SharedOptions = Omit<RedisOptions, 'replyMapping'>;

/** Who we are, and whether what we say is encrypted. */
function credentials({ REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS }: RedisSettings): SharedOptions {
  return {
    ...(REDIS_USERNAME === undefined ? {} : { username: REDIS_USERNAME }),
    ...(REDIS_PASSWORD === undefined ? {} : { password: REDIS_PASSWORD }),
    ...(REDIS_TLS ? { tls: {} } : {}),
  };
}

function toOne(settings: RedisSettings, shared: SharedOptions): Connection {
  const client = newClient(settings, { ...shared, enableOfflineQueue: false, retryStrategy: backOff });
  const send = sender(client);
  return {
    isReady: () => client.status === 'ready',
    send,
    watch({ onReady, onLoss }) {
      client.on('ready', onReady);
      client.on('close', () => onLoss(new Error('the connection was closed')));
      client.on('error', onLoss);
    },
    probes: ['psa:probe'],
    async close(watch) {
      await send(['QUIT'], watch).catch(() => undefined);
      // Also what listens to the Sentinels.
      client.disconnect();
    },
  };
}

function newClient(settings: RedisSettings, options: SharedOptions): Redis {
  const { REDIS_URL, REDIS_SENTINELS, REDIS_SENTINEL_PASSWORD: password } = settings;
  if (REDIS_URL !== undefined) {
    const { username: _user, password: _password, tls: _tls, ...others } = options;
    return new Redis(REDIS_URL, others);
  }
  if (REDIS_SENTINELS === undefined) {
    return new Redis({ ...options, host: settings.REDIS_HOST, port: settings.REDIS_PORT });
  }
  return new Redis({
    ...options,
    sentinels: [...REDIS_SENTINELS],
    name: settings.REDIS_SENTINEL_MASTER,
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(settings.REDIS_TLS ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelRetryStrategy: backOff,
    // A frozen Sentinel takes the connection and says nothing; the next one may know.
    sentinelCommandTimeout: SENTINEL_PATIENCE_MS,
    // Sentinels say when there is a new primary; the old one may stay connected, or frozen.
    failoverDetector: true,
  });
}

/**
 * Returns a function that sends one command. Those of one turn of the event loop leave in one write. ioredis's
 * auto-pipelining does so too, but costs more than the commands, and holds back the next turn's until these are answered.
 */
function sender(client: Redis): Connection['send'] {
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
  return function send([name, ...args], watch) {
    const command = new Command(name, args, { replyEncoding: 'utf8' });
    client.sendCommand(command, turn);
    watch(command);
    return command.promise as Promise<unknown>;
  };
}

/** How soon a command is sent to another node when one has gone; often enough within the time that a command has. */
const CLUSTER_RETRY_MS = 25;

function toCluster({ REDIS_CLUSTER_NODES = [] }: RedisSettings, redisOptions: SharedOptions): Connection {
  const client = new Cluster([...REDIS_CLUSTER_NODES], {
    redisOptions,
    enableOfflineQueue: false,
    clusterRetryStrategy: backOff,
    retryDelayOnFailover: CLUSTER_RETRY_MS,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
    maxRedirections: 4,
    slotsRefreshTimeout: 1000,
    // A frozen node can't tell where its slots have gone.
    slotsRefreshInterval: 1000,
  });
  return {
    isReady: () => client.status === 'ready',
    send([name, ...args], watch) {
      const command = new Command(name, args, { replyEncoding: 'utf8' });
      void client.sendCommand(command);
      watch(command);
      return command.promise as Promise<unknown>;
    },
    watch({ onReady, onLoss }) {
      client.on('ready', onReady);
      client.on('close', () => onLoss(new Error('the connections were closed')));
      client.on('error', onLoss);
    },
    probes: spreadKeys('psa:probe'),
    slotOf: keySlot,
    async close() {
      client.disconnect();
    },
  };
}
