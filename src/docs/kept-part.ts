import type { RouteSettings } from '../config/schema.ts';
import { fetchText } from './fetch-text.ts';
import type { ServicePart } from './gateway-document.ts';
import { type PublicPart, publicPart } from './public-part.ts';
import { readServiceDocument } from './service-document.ts';

/** Told of each change once. */
export interface DocsLogger {
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
}

/** A service's part of the document, and how it is renewed. */
export interface KeptPart {
  current(): ServicePart;
  isOld(): boolean;
  /** Reads it anew if it is old. Never rejects: what can't be read leaves what was known. */
  refresh(): Promise<void>;
}

interface KeptPartOptions {
  /** Name of the upstream. */
  readonly service: string;
  /** Where its description is read: the first instance that answers is believed. */
  readonly addresses: readonly string[];
  /** Gives up what is being read. */
  readonly signal: AbortSignal;
  readonly routes: readonly RouteSettings[];
  readonly routeOf: (path: string, method: string) => RouteSettings | undefined;
  /** Milliseconds: `clock` is monotonic, `now` is since 1970. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
  readonly logger: DocsLogger;
}

/** Services change with their releases: nobody notices half a minute. */
const FRESH_MS = 30_000;

/** Who has just repaired a service reloads the page, and should not have to do so for long. */
const RETRY_MS = 3000;

const LIMITS = { timeoutMs: 2000, maxBytes: 1024 * 1024 };

/** The part of a service that has no description. */
export function silentPart(service: string): KeptPart {
  const part: ServicePart = { service, state: 'silent', part: undefined, readAt: undefined };
  return { current: () => part, isOld: () => false, refresh: () => Promise.resolve() };
}

/** The part of a service that describes itself. It is not read before the first refresh. */
export function keptPart(options: KeptPartOptions): KeptPart {
  const { service, time, logger, signal } = options;
  const readPart = partReader(options);
  let current: ServicePart = { service, state: 'unread', part: undefined, readAt: undefined };
  let triedAt = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  const isOld = () => time.clock() - triedAt >= (isFailing ? RETRY_MS : FRESH_MS);
  const fail = (error: string) => {
    if (!isFailing) logger.warn(`the description of ${service} can not be read`, { upstream: service, error });
    isFailing = true;
    current = { ...current, state: current.part === undefined ? 'unread' : 'stale' };
  };
  const refresh = async () => {
    if (!isOld()) return;
    try {
      current = { service, state: 'current', part: await readPart(), readAt: time.now() };
      if (isFailing) logger.info(`the description of ${service} can be read again`, { upstream: service });
      isFailing = false;
    } catch (error) {
      if (!signal.aborted) fail(why(error));
    }
    triedAt = time.clock();
  };
  return { current: () => current, isOld, refresh };
}

/** Reads a service's part; a text that has not changed costs no second look. */
function partReader({ service, addresses, signal, routes, routeOf }: KeptPartOptions): () => Promise<PublicPart> {
  let last: { readonly text: string; readonly part: PublicPart } | undefined;
  return async function readPart() {
    const text = await Promise.any(addresses.map((address) => fetchText(address, { ...LIMITS, signal })));
    if (last?.text !== text) {
      const document = readServiceDocument(JSON.parse(text));
      last = { text, part: publicPart({ service, document, routes, routeOf }) };
    }
    return last.part;
  };
}

/** What fetch has to say stands in the cause. */
function why(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(why).join('; ');
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const more = cause instanceof Error ? `: ${(cause as NodeJS.ErrnoException).code ?? cause.message}` : '';
  return error.message + more;
}
