import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import winston from 'winston';
import type { Settings } from '../config/schema.ts';
import { LineFile } from './line-file.ts';

/** One request, as `access.log` records it. */
export type AccessLine = Readonly<Record<string, string | number | boolean | undefined>>;

/** What the gateway logs to. */
export interface Logger {
  error(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  info(message: string, details?: object): void;
  debug(message: string, details?: object): void;
  access(line: AccessLine): void;
  /** Resolves when every line is in its file. */
  close(): Promise<void>;
}

type LogSettings = Pick<Settings, 'LOG_DIR' | 'LOG_LEVEL' | 'NODE_ENV' | 'SERVICE_NAME'>;

/** Where winston's transports look for the finished line. @see the package triple-beam */
const MESSAGE = Symbol.for('message');

const { combine, timestamp, json, printf, colorize } = winston.format;

/**
 * Opens `access.log`, `error.log` and `combined.log`. Everything is in `combined.log`; what an operator must look at is in
 * `error.log` too. Lifecycle lines also go to the console, where PM2 collects them.
 * @throws {Error} if the folder can't be written to
 */
export function openLogger(settings: LogSettings, worker: string): Logger {
  mkdirSync(settings.LOG_DIR, { recursive: true });
  const open = (name: string) => new LineFile(join(settings.LOG_DIR, name));
  const files = { access: open('access.log'), error: open('error.log'), combined: open('combined.log') };
  const toFile = (stream: LineFile, level?: string) =>
    new winston.transports.Stream({ stream, ...(level === undefined ? {} : { level }) });
  const isReadable = settings.NODE_ENV === 'development';
  const base = { level: settings.LOG_LEVEL, defaultMeta: { service: settings.SERVICE_NAME, worker } };
  const lifecycle = winston.createLogger({
    ...base,
    format: combine(timestamp(), json()),
    transports: [
      toFile(files.combined),
      toFile(files.error, 'error'),
      new winston.transports.Console({
        silent: settings.NODE_ENV === 'test',
        ...(isReadable ? { format: combine(colorize(), readable) } : {}),
      }),
    ],
  });
  const access = winston.createLogger({
    ...base,
    level: 'info',
    format: plainJson(),
    transports: [
      new winston.transports.Stream({ stream: both(files.access, files.combined) }),
      ...(isReadable ? [new winston.transports.Console({ format: readableAccess })] : []),
    ],
  });
  return {
    error: (message, details) => void lifecycle.error(message, details),
    warn: (message, details) => void lifecycle.warn(message, details),
    info: (message, details) => void lifecycle.info(message, details),
    debug: (message, details) => void lifecycle.debug(message, details),
    access: (line) => void access.info({ message: 'request', ...line }),
    async close() {
      // Loggers are duplex streams that nobody reads, so only their writing side ever finishes.
      await Promise.all([lifecycle, access].map((logger) => finished(logger.end(), { readable: false })));
      await Promise.all(Object.values(files).map((file) => finished(file.end())));
    },
  };
}

/** winston's own format looks for circles and big numbers, for three times the price; an access line has neither. */
const plainJson = winston.format((info) => Object.assign(info, { [MESSAGE]: JSON.stringify(info) }));

/** One stream for two files, because each transport costs as much as the line itself. */
function both(first: LineFile, second: LineFile): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      first.write(line);
      second.write(line);
      done();
    },
  });
}

const readable = printf(({ level, message, timestamp: at, service: _service, worker, ...details }) => {
  const rest = Object.keys(details).length === 0 ? '' : ` ${JSON.stringify(details)}`;
  return `${String(at).slice(11, 23)} ${level} [${worker}] ${message}${rest}`;
});

const readableAccess = printf(({ time, method, path, status, reason, durationMs, upstream }) => {
  const why = reason === undefined ? '' : ` ${reason}`;
  return `${String(time).slice(11, 23)} ${method} ${path} → ${status}${why} ${durationMs} ms ${upstream ?? ''}`;
});
