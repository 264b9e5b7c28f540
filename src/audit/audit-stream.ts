import type { SecurityEvent } from './security-event.ts';

/** What the stream needs of the connection to Redis. */
export interface StreamLink {
  command(...args: [string, ...string[]]): Promise<unknown>;
}

/** An event with its place in the stream. */
export interface StoredEvent extends SecurityEvent {
  readonly id: string;
}

const STREAM = 'psa:audit';
const NUMBERS: readonly string[] = ['status', 'count'];

/**
 * Adds an event to the stream that all machines share.
 * @param maxEvents so many are kept, roughly: Redis cuts where it is cheap. Without it, none goes
 * @throws {Error} if Redis does not take it
 */
export async function appendEvent(
  link: StreamLink,
  { event, maxEvents }: { readonly event: SecurityEvent; readonly maxEvents?: number },
): Promise<void> {
  const fields = Object.entries(event).filter(([, value]) => value !== undefined);
  const flat = fields.flatMap(([name, value]) => [name, String(value)]);
  const cap = maxEvents === undefined ? [] : ['MAXLEN', '~', String(maxEvents)];
  await link.command('XADD', STREAM, ...cap, '*', ...flat);
}

/** The last `count` events, oldest first. */
export async function lastEvents(link: StreamLink, count: number): Promise<StoredEvent[]> {
  const entries = await link.command('XREVRANGE', STREAM, '+', '-', 'COUNT', String(count));
  return eventsOf(entries).reverse();
}

/** The events after the one with this id, oldest first, `count` at most. */
export async function eventsAfter(
  link: StreamLink,
  { id, count }: { readonly id: string; readonly count: number },
): Promise<StoredEvent[]> {
  return eventsOf(await link.command('XRANGE', STREAM, `(${id}`, '+', 'COUNT', String(count)));
}

function eventsOf(entries: unknown): StoredEvent[] {
  return (entries as readonly [id: string, flat: readonly string[]][]).map(([id, flat]) => {
    const pairs = flat.flatMap((name, index) => (index % 2 === 0 ? [[name, typedValue(name, flat[index + 1])]] : []));
    return { id, ...(Object.fromEntries(pairs) as SecurityEvent) };
  });
}

function typedValue(name: string, text: string | undefined): string | number | undefined {
  return NUMBERS.includes(name) ? Number(text) : text;
}
