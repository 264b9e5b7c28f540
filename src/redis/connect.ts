import type { RedisSettings } from '../config/schema.ts';
import { type Connection, openConnection } from './connection.ts';
import { patience } from './patience.ts';
import { presence, type RedisLogger } from './presence.ts';
import { isForgotten, isRefusal, type Refused, refusals } from './refusals.ts';

/** The connection to Redis and whether it can be used just now. */
export interface RedisLink {
  /** While true nobody should send anything: Redis is away, or answers too late to wait for. */
  isAway(): boolean;
  /**
   * Sends one command.
   * @throws {Error} after 80 ms at the latest, or 1 s before Redis counts as back; the link is then away until a probe
   * succeeds. It stays if Redis has answered that it does everything but this command
   */
  command(...args: [string, ...string[]]): Promise<unknown>;
  /** Registers work that must be done before Redis counts as back, such as loading scripts. What it refuses is done without. */
  beforeReturn(work: () => Promise<unknown>): void;
  /** What Redis has refused since the start, though it serves: rights that we lack, a key of another type. */
  refused(): readonly Refused[];
  /** Resolves when Redis has answered, or at the first failure to reach it: then the gateway starts without it. */
  firstContact(): Promise<void>;
  /** In a cluster, the slot of a key: one script may only touch keys of one. */
  readonly slotOf?: (key: string) => number;
  close(): Promise<void>;
}

interface ConnectOptions {
  readonly settings: RedisSettings;
  readonly logger: RedisLogger;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

/** No command keeps a request waiting longer than this. The first that does is the last: the link is away then. */
const COMMAND_TIMEOUT_MS = 80;

/** What is done before Redis counts as back keeps no request waiting, so it has the patience that a busy machine needs. */
const RETURN_TIMEOUT_MS = 1000;

/** How soon an absent Redis is noticed to be back. */
const PROBE_INTERVAL_MS = 500;

/** How soon a Redis that refused something is noticed to allow it. */
const REFUSED_RETRY_MS = 5000;

/** Connects to Redis, and watches it so that requests don't have to. */
export function connectRedis({ settings, logger, clock }: ConnectOptions): RedisLink {
  const connection = openConnection(settings, { patienceMs: COMMAND_TIMEOUT_MS });
  const redis = presence(logger);
  const refused = refusals({ logger, clock });
  const ofRequest = patience(COMMAND_TIMEOUT_MS);
  const ofReturn = patience(RETURN_TIMEOUT_MS);
  const watcher = watch({ connection, redis, refused, clock, ofRequest });
  return {
    isAway: () => !redis.isUp(),
    command: (...args) =>
      connection.send(args, redis.isUp() ? ofRequest : ofReturn).catch((error: unknown) => {
        if (isRefusal(error)) refused.add(args[0], error);
        else if (!isForgotten(error)) redis.goAway(error);
        throw error;
      }),
    beforeReturn: watcher.beforeReturn,
    refused: refused.all,
    firstContact: () => redis.firstContact,
    ...(connection.slotOf && { slotOf: connection.slotOf }),
    async close() {
      watcher.stop();
      redis.end();
      await connection.close(ofRequest);
    },
  };
}

interface WatchOptions extends Pick<ConnectOptions, 'clock'> {
  readonly connection: Connection;
  readonly redis: ReturnType<typeof presence>;
  readonly refused: ReturnType<typeof refusals>;
  readonly ofRequest: ReturnType<typeof patience>;
}

/** Notices that Redis is there, gone or there again, and that it no longer refuses. */
function watch({ connection, redis, refused, clock, ofRequest }: WatchOptions) {
  const works: (() => Promise<unknown>)[] = [];
  let preparedAt = Number.NEGATIVE_INFINITY;
  let isProbing = false;
  const prepare = async () => {
    preparedAt = clock();
    await Promise.all(works.map((work) => work().catch(unlessRefused)));
  };
  const probe = async () => {
    // One at a time: several that come back together would announce the same return several times.
    if (isProbing || !redis.isAbsent() || !connection.isReady()) return;
    isProbing = true;
    try {
      await prepare();
      // A write, because a replica and a full Redis both answer PING. Within the time that a request would give it, because
      // a Redis that is merely too slow would come and go for ever. If it is refused, nobody knows what Redis can do.
      await Promise.all(connection.probes.map((key) => connection.send(['SET', key, '1', 'PX', '60000'], ofRequest)));
      redis.comeBack();
    } catch (error) {
      redis.goAway(error);
    } finally {
      isProbing = false;
    }
  };
  const look = () => {
    refused.look();
    if (redis.isAbsent()) return void probe();
    // If it fails, the link has gone away meanwhile.
    if (refused.isAnyRecent() && clock() - preparedAt >= REFUSED_RETRY_MS) prepare().catch(() => undefined);
  };
  connection.watch({ onReady: () => void probe(), onLoss: redis.goAway });
  const timer = setInterval(look, PROBE_INTERVAL_MS).unref();
  return {
    beforeReturn: (work: () => Promise<unknown>) => void works.push(work),
    stop: () => clearInterval(timer),
  };
}

function unlessRefused(error: unknown): void {
  if (!isRefusal(error)) throw error;
}
