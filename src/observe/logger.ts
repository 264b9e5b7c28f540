import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stdout } from 'node:process';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import winston from 'winston';
import type { Settings } from '../config/schema.ts';
import type { WebSocketEnd } from '../context.ts';
import type { Reason } from '../problem/catalog.ts';
import { LineFile } from './line-file.ts';
import { readableLine, readableRequest } from './log-console.ts';
import { scrubbed } from './log-secrets.ts';
import { onOneLine } from './log-text.ts';

/** One request, as `access.log` records it. What never became a request has only the first fields, and the parser's `code`. */
export interface AccessLine {
  readonly time: string;
  readonly requestId: string;
  readonly client: string | undefined;
  readonly status: number;
  readonly reason: Reason | undefined;
  readonly code?: string | undefined;
  readonly traceId?: string;
  readonly method?: string;
  readonly path?: string;
  /** Name of the route: its path pattern. */
  readonly route?: string | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly upstream?: string | undefined;
  /** Origin of the instance that was asked last. */
  readonly instance?: string | undefined;
  readonly upstreamStatus?: number | undefined;
  /** From the start of the call to the response head. */
  readonly upstreamMs?: number | undefined;
  readonly retries?: number | undefined;
  /** Whether the answer was cut because the upstream failed in the middle of it. */
  readonly truncated?: boolean | undefined;
  /** Of a WebSocket, whose line is written when it has ended. */
  readonly webSocketEnd?: WebSocketEnd | undefined;
  /** Names of the shadow policies that would have refused it, with commas between. */
  readonly wouldRefuse?: string | undefined;
  /** Of the answer, its head included. */
  readonly bytes?: number;
  readonly durationMs?: number | undefined;
}

/** What the gateway logs to. */
export interface Logger {
  error(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  info(message: string, details?: object): void;
  debug(message: string, details?: object): void;
  access(line: AccessLine): void;
  /** One security event, for audit.log. */
  audit(event: object): void;
  /** Lines that are in none of the files they belong to, because those could not be written to for long. */
  lostLines(): number;
  /** Whether a file can't be written to just now. */
  isFailing(): boolean;
  /**
   * Resolves when every line is in its file.
   * @throws {Error} if some can't be written
   */
  close(): Promise<void>;
}

type LogSettings = Pick<Settings, 'LOG_DIR' | 'LOG_LEVEL' | 'NODE_ENV' | 'SERVICE_NAME'>;

/** Where winston's transports look for the finished line. @see the package triple-beam */
const MESSAGE = Symbol.for('message');

const { combine, timestamp, json, printf } = winston.format;

/**
 * Opens `access.log`, `error.log`, `combined.log` and `audit.log`. Requests and lifecycle are in `combined.log`; what an
 * operator must look at is in `error.log` too; `audit.log` is apart, for whoever keeps it longer. Lifecycle lines also go to the console, where PM2 collects them.
 * @throws {Error} if the folder can't be written to
 */
export function openLogger(settings: LogSettings, worker: string): Logger {
  const files = openFiles(settings.LOG_DIR, {
    onFailure: (file, reason) =>
      lifecycle.error('a log file can not be written to: its lines wait in memory', { file, reason }),
    onRecovery: (file, lostLines) =>
      lifecycle[lostLines > 0 ? 'error' : 'warn']('a log file can be written to again', { file, lostLines }),
  });
  const isReadable = settings.NODE_ENV === 'development';
  const ofWorker = { service: settings.SERVICE_NAME, worker };
  const lifecycle = winston.createLogger({
    level: settings.LOG_LEVEL,
    defaultMeta: ofWorker,
    format: combine(timestamp(), json({ replacer: withoutSecrets }), oneLine()),
    transports: [
      toFiles([files.combined]),
      toFiles([files.error], 'error'),
      ...(settings.NODE_ENV === 'test' ? [] : [toConsole(isReadable ? printf(readableLine) : undefined)]),
    ],
  });
  const shown = winston.createLogger({ transports: [toConsole(printf(readableRequest))], silent: !isReadable });
  return {
    error: (message, details) => void lifecycle.error(message, details),
    warn: (message, details) => void lifecycle.warn(message, details),
    info: (message, details) => void lifecycle.info(message, details),
    debug: (message, details) => void lifecycle.debug(message, details),
    access(line) {
      const entry = { ...line, message: 'request', level: 'info', ...ofWorker };
      // Past winston's streams: they cost twice as much as the rest of a line, which has no level to choose by.
      const text = `${onOneLine(JSON.stringify(entry))}\n`;
      files.access.append(text);
      files.combined.append(text);
      if (isReadable) shown.info(entry);
    },
    audit: (event) => files.audit.append(`${onOneLine(JSON.stringify({ ...event, ...ofWorker }))}\n`),
    lostLines: () => Object.values(files).reduce((sum, file) => sum + file.lostLines(), 0),
    isFailing: () => Object.values(files).some((file) => file.isFailing()),
    async close() {
      // Loggers are duplex streams that nobody reads, so only their writing side ever finishes.
      await Promise.all([lifecycle, shown].map((logger) => finished(logger.end(), { readable: false })));
      // Each has its chance, also when another fails.
      const closed = await Promise.allSettled(Object.values(files).map((file) => file.close()));
      const failures = closed.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      if (failures.length > 0) throw new AggregateError(failures, failures.join('; '));
    },
  };
}

interface FileEvents {
  readonly onFailure: (file: string, reason: string) => void;
  readonly onRecovery: (file: string, lostLines: number) => void;
}

function openFiles(folder: string, { onFailure, onRecovery }: FileEvents) {
  mkdirSync(folder, { recursive: true });
  const open = (name: string) =>
    new LineFile({
      path: join(folder, name),
      onFailure: (reason) => onFailure(name, reason),
      onRecovery: (lostLines) => onRecovery(name, lostLines),
    });
  return {
    access: open('access.log'),
    error: open('error.log'),
    combined: open('combined.log'),
    audit: open('audit.log'),
  };
}

function toFiles(files: readonly LineFile[], level?: string) {
  const stream = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      for (const file of files) file.append(line);
      done();
    },
  });
  return new winston.transports.Stream({ stream, eol: '\n', ...(level === undefined ? {} : { level }) });
}

function toConsole(format?: winston.Logform.Format) {
  // A console that is gone or full must not end the process, nor must telling of that end in telling of that again.
  if (stdout.listenerCount('error') === 0) stdout.on('error', ignore);
  return new winston.transports.Console(format === undefined ? {} : { format });
}

function ignore(): void {}

function withoutSecrets(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? scrubbed(value) : value;
}

const oneLine = winston.format((info) => {
  info[MESSAGE] = onOneLine(String(info[MESSAGE]));
  return info;
});
