/** One kind of command that Redis has refused, and with which word. */
export interface Refused {
  readonly command: string;
  /** The first word of Redis's answer, such as NOPERM; `other` if it is no common one. */
  readonly kind: string;
  /** Since the start. */
  readonly count: number;
  /** Within the last minute. */
  readonly isRecent: boolean;
}

interface RefusalsOptions {
  readonly logger: {
    info(message: string, details?: object): void;
    warn(message: string, details?: object): void;
  };
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

/**
 * With these Redis says that it can't serve, or not with writes, or not us, whatever is asked: it is being started,
 * demoted, filled, blocked, rebuilt or locked. The older ones wrap them: `ERR Error running script (…): -OOM command …`.
 */
const CANT_SERVE =
  /(?:^|: -)(?:LOADING|BUSY|READONLY|MASTERDOWN|NOREPLICAS|OOM|MISCONF|CLUSTERDOWN|TRYAGAIN|UNBLOCKED|NOAUTH|WRONGPASS|DENIED|ERR max number of clients)\b/;

/** What Redis has against one command or one key. Few words, because they become labels of a metric. */
const KINDS: readonly string[] = ['NOPERM', 'WRONGTYPE', 'CROSSSLOT', 'MOVED', 'ERR'];

/** Nothing was refused for so long: it is over. */
const RECENT_MS = 60_000;

/** Whether an error is an answer of a Redis that serves, only not this command: no reason to do without it. */
export function isRefusal(error: unknown): error is Error {
  return isAnswer(error) && !CANT_SERVE.test(error.message) && !isForgotten(error);
}

/** Redis forgot its scripts (restart, SCRIPT FLUSH): whoever needs one sends it again, so nothing is amiss. */
export function isForgotten(error: unknown): boolean {
  return isAnswer(error) && error.message.startsWith('NOSCRIPT');
}

function isAnswer(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Keeps count of what Redis refuses, and tells the log when that begins and ends: never once per request. */
export function refusals({ logger, clock }: RefusalsOptions) {
  // Bounded: our code knows few commands.
  const known = new Map<string, { command: string; kind: string; count: number; lastAt: number; isTold: boolean }>();
  const isRecent = ({ lastAt }: { lastAt: number }) => clock() - lastAt < RECENT_MS;
  return {
    add(command: string, { message }: Error): void {
      const kind = KINDS.find((word) => message.startsWith(word)) ?? 'other';
      const key = `${kind} ${command}`;
      const entry = known.get(key) ?? { command, kind, count: 0, lastAt: 0, isTold: false };
      known.set(key, entry);
      entry.count++;
      entry.lastAt = clock();
      if (entry.isTold) return;
      entry.isTold = true;
      // Redis repeats what it was given, and the keys in it name people.
      const [reason] = message.split(', with args');
      logger.warn('redis refuses a command: what needs it goes on without', { command, reason });
    },
    /** Tells what is over. */
    look(): void {
      for (const entry of known.values()) {
        if (!entry.isTold || isRecent(entry)) continue;
        entry.isTold = false;
        const { command, kind } = entry;
        logger.info('redis has refused that command no more for a minute', { command, kind });
      }
    },
    isAnyRecent: () => [...known.values()].some(isRecent),
    all: (): readonly Refused[] =>
      [...known.values()].map((entry) => ({
        command: entry.command,
        kind: entry.kind,
        count: entry.count,
        isRecent: isRecent(entry),
      })),
  };
}
