import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { appendEvent } from '../audit/audit-stream.ts';
import { nameless, pseudonyms } from '../audit/pseudonyms.ts';
import type { SecurityEvent } from '../audit/security-event.ts';
import { loadSettings } from '../config/load-config.ts';
import type { Settings } from '../config/schema.ts';
import { connectRedis, type RedisLink } from '../redis/connect.ts';
import { CliError } from './cli-error.ts';
import type { Surroundings } from './surroundings.ts';

/** The running gateways, as far as Redis connects them. */
export interface Fleet {
  /** @throws {CliError} `unreachable` */
  command(...args: [string, ...string[]]): Promise<unknown>;
  readonly settings: Settings;
}

/** What the audit log says of a command. */
export interface Deed {
  readonly command: string;
  /** What it was used on: ids only. */
  readonly target?: string | undefined;
}

/** A Redis that takes longer is one that no worker waits for either; and with the process an operator waits for 3 s at most. */
const CONNECT_PATIENCE_MS = 1500;

interface FleetOptions<T> {
  readonly surroundings: Surroundings;
  /** What was done, for the audit log; undefined for what leaves no record. */
  readonly deed: ((result: T) => Deed) | undefined;
}

/**
 * Connects to the fleet for the time of `work`, then puts on record what was done.
 * @throws {CliError} `unreachable` if Redis does not answer
 */
export async function withFleet<T>(
  { surroundings, deed }: FleetOptions<T>,
  work: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  const settings = loadSettings(surroundings);
  const link = await connected(settings);
  const fleet: Fleet = {
    settings,
    command: (...args) =>
      link.command(...args).catch((error: unknown) => {
        // Whoever asked for a script sends it again.
        if (messageOf(error).startsWith('NOSCRIPT')) throw error;
        throw new CliError('unreachable', `Redis at ${placeOf(settings)} did not do it: ${reasonOf(error)}.`);
      }),
  };
  try {
    const result = await work(fleet);
    if (deed !== undefined) await record({ fleet, deed: deed(result), surroundings });
    return result;
  } finally {
    await link.close();
  }
}

async function connected(settings: Settings): Promise<RedisLink> {
  let reason = 'it does not answer';
  const logger = {
    info: () => undefined,
    warn: (_message: string, details: { reason?: string } = {}) => {
      reason = details.reason ?? reason;
    },
  };
  const link = connectRedis({ settings, logger, clock: () => performance.now() });
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((done) => {
    timer = setTimeout(done, CONNECT_PATIENCE_MS);
  });
  await Promise.race([link.firstContact(), patience]);
  clearTimeout(timer);
  if (!link.isAway()) return link;
  await link.close();
  throw new CliError('unreachable', `Redis at ${placeOf(settings)} can't be reached: ${reasonOf(reason)}.`);
}

/** Where Redis is, without its password. */
function placeOf(settings: Settings): string {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_SENTINELS, REDIS_CLUSTER_NODES } = settings;
  const several = REDIS_SENTINELS ?? REDIS_CLUSTER_NODES;
  if (several !== undefined) return several.map(({ host, port }) => `${host}:${port}`).join(', ');
  return REDIS_URL === undefined ? `${REDIS_HOST}:${REDIS_PORT}` : new URL(REDIS_URL).host;
}

interface RecordOptions {
  readonly fleet: Fleet;
  readonly deed: Deed;
  readonly surroundings: Surroundings;
}

async function record({ fleet, deed, surroundings }: RecordOptions): Promise<void> {
  const { operator, now, folder, warn } = surroundings;
  const event: SecurityEvent = {
    time: new Date(now()).toISOString(),
    event: 'operator_command',
    command: deed.command,
    target: nameless(deed.target, pseudonyms(fleet.settings.JWT_SECRET?.[0])),
    by: operator,
    count: 1,
  };
  // Without a cap: the workers, which know it, cut the stream.
  await appendEvent(fleet, { event });
  const path = join(resolve(folder, fleet.settings.LOG_DIR), 'audit.log');
  try {
    await appendLine(path, JSON.stringify({ ...event, service: fleet.settings.SERVICE_NAME }));
  } catch (error) {
    warn(`This is on record in Redis, but not in ${path}: ${messageOf(error)}.\n`);
  }
}

/** Appends to a file that is there. One that an operator's account created would keep the workers out. */
async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  await file.write(`${line}\n`).finally(() => file.close());
}

/** Why Redis did not do it, in words that help; its own are for programmers. */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  if (message.startsWith('NOAUTH')) return 'it asks for a password (REDIS_PASSWORD)';
  if (message.startsWith('WRONGPASS')) return 'user or password is wrong (REDIS_USERNAME, REDIS_PASSWORD)';
  // As ioredis says it of one that has gone meanwhile.
  if (/^(?:Stream isn't writeable|Connection is closed)/.test(message)) return 'the connection broke';
  return message.replace(/\.+$/, '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
