import type { LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** One address of a host name. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** Finds all addresses of a host name, as the operating system does. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

interface FollowOptions {
  readonly host: string;
  readonly everyMs: number;
  readonly resolve: Resolve;
  /** The host has moved: connections to where it was must not be taken up again. */
  readonly onMove: (addresses: readonly Address[]) => void;
  /** It could not be looked up; what was known goes on being used. Told once, until it can be again. */
  readonly onError: (error: unknown) => void;
}

/** Knows where a host is. */
export interface Follower {
  /** What `net.connect` asks; undefined for an address that needs no looking up. */
  readonly lookup: LookupFunction | undefined;
  close(): void;
}

/** Whatever a name server says: `localhost` is this machine, and its service may listen on either. @see RFC 6761 §6.3 */
const LOOPBACK: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/**
 * Follows a host name: looks it up ahead of the requests, in the background and again and again, so that no connection has
 * to wait for it, and a name server that is down takes no service with it.
 */
export function followAddresses(options: FollowOptions): Follower {
  const { host } = options;
  if (isIP(host) !== 0) return { lookup: undefined, close: () => undefined };
  if (host === 'localhost') {
    return { lookup: (_host, asked, callback) => answer(LOOPBACK, asked, callback), close: () => undefined };
  }
  const book = addressBook(options);
  let turn = 0;
  const lookup: LookupFunction = (_host, asked, callback) => {
    const tell = () => {
      const known = book.known();
      // Connections take turns between the addresses. Node goes on to the next one if the first does not answer.
      turn = (turn + 1) % known.length;
      answer([...known.slice(turn), ...known.slice(0, turn)], asked, callback);
    };
    if (book.known().length > 0) tell();
    else book.renew().then(tell, (error: NodeJS.ErrnoException) => callback(error, ''));
  };
  return { lookup, close: book.close };
}

/** What is known of a host, renewed for as long as it is open. */
function addressBook({ host, everyMs, resolve, onMove, onError }: FollowOptions) {
  let known: readonly Address[] = [];
  let isFailing = false;
  let isClosed = false;
  let underWay: Promise<void> | undefined;
  const look = async () => {
    try {
      const found = await resolve(host);
      if (isClosed) throw new Error('nobody needs it any more');
      if (found.length === 0) throw new Error('the name has no address');
      isFailing = false;
      const hasMoved = known.length > 0 && key(found) !== key(known);
      known = found;
      if (hasMoved) onMove(found);
    } catch (error) {
      if (!isFailing && !isClosed) onError(error);
      isFailing = true;
      throw error;
    }
  };
  // One at a time: all lookups of a process share few threads, and an answer that comes late must not undo a later one.
  const renew = () => {
    underWay ??= look().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
  const inBackground = () => void renew().catch(() => undefined);
  inBackground();
  const timer = setInterval(inBackground, everyMs);
  timer.unref();
  return {
    known: () => known,
    renew,
    close() {
      isClosed = true;
      clearInterval(timer);
    },
  };
}

function answer(addresses: readonly Address[], { all }: LookupOptions, callback: Parameters<LookupFunction>[2]): void {
  if (all) callback(null, [...addresses]);
  else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
}

function key(addresses: readonly Address[]): string {
  return addresses
    .map(({ address }) => address)
    .sort()
    .join(' ');
}
