import { eventCollector } from './event-collector.ts';
import { eventOfLine, type RequestLine } from './event-of-line.ts';
import { nameless } from './pseudonyms.ts';
import type { SecurityEvent } from './security-event.ts';

/** The record of security events of one worker. */
export interface AuditLog {
  /** Looks at a request that has ended. */
  requestEnded(line: RequestLine): void;
  /** Records what is still collected. */
  close(): Promise<void>;
}

interface AuditLogOptions {
  readonly eventsPerSecond: number;
  readonly isLogin: (method: string | undefined, route: string | undefined) => boolean;
  /** Gives an id that names somebody another name. */
  readonly pseudonym: (text: string) => string;
  /** How a client address is counted: many addresses of one client are one. */
  readonly keyOfAddress: (address: string) => string;
  /** Where events go. None of them may throw, or keep others waiting. */
  readonly write: (event: SecurityEvent) => void;
  readonly append: (event: SecurityEvent) => Promise<void>;
}

const COLLECT_MS = 1000;

/**
 * Records failed logins and refusals, a second's worth at a time. Addresses, and ids that are e-mail addresses, are
 * replaced only then, so that a flood costs a Map entry each.
 */
export function auditLog(options: AuditLogOptions): AuditLog {
  const { eventsPerSecond, isLogin, pseudonym, keyOfAddress, write, append } = options;
  const collector = eventCollector(eventsPerSecond);
  let timer: NodeJS.Timeout | undefined;
  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    const events = collector.take().map((event) => ({
      ...event,
      user: nameless(event.user, pseudonym),
      tenant: nameless(event.tenant, pseudonym),
      client: event.client === undefined ? undefined : pseudonym(keyOfAddress(event.client)),
    }));
    for (const event of events) write(event);
    await Promise.all(events.map(append));
  };
  return {
    requestEnded(line) {
      const event = eventOfLine(line, isLogin);
      if (event === undefined) return;
      collector.add(event);
      timer ??= setTimeout(() => void flush(), COLLECT_MS).unref();
    },
    close: flush,
  };
}
