import type { Duplex } from 'node:stream';
import type { GatewayFile, RouteSettings } from '../config/schema.ts';
import type { Caller, WebSocketEnd } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import type { OwnEnd } from './control-frames.ts';
import { Tunnel } from './tunnel.ts';

/** Who has a WebSocket: a user, or a client without a token. */
export interface Holder {
  readonly kind: 'user' | 'address';
  readonly key: string;
}

export interface Opening {
  readonly client: Duplex;
  readonly upstream: Duplex;
  readonly caller: Caller | undefined;
  readonly settings: NonNullable<RouteSettings['websocket']>;
  readonly onEnd: (reason: WebSocketEnd) => void;
}

/** The WebSockets of this worker. */
export interface WebSockets {
  /**
   * Takes a place, for a handshake and what comes of it.
   * @throws {Problem} `rate_limited_user`, `rate_limited_ip`, `overloaded` or `draining`
   */
  claim(holder: Holder): { release(): void };
  /** Joins the two ends of one whose handshake both have made. */
  open(opening: Opening): void;
  /** Closes all of them with 1001, and whatever is opened from now on. */
  close(): void;
  /** Closes those whose callers may no longer call, with 1008: when they come back, they are refused. */
  closeRefused(): void;
  /** Ends every connection at once. */
  cut(): void;
  openCount(): number;
}

interface WebSocketsOptions {
  readonly limits: GatewayFile['websockets'];
  /** Why a caller that was let in would now be refused; undefined if it would not. */
  readonly whyRefused: (caller: Caller) => OwnEnd | undefined;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A place comes free when somebody closes a page, which no clock knows. */
const RETRY_AFTER_SECONDS = 10;

/** Keeps count of the WebSockets of this worker, and hold of them, so that they can be closed. */
export function webSockets({ limits, whyRefused, clock, now }: WebSocketsOptions): WebSockets {
  const tunnels = new Map<Tunnel, Caller | undefined>();
  const held = { user: new Map<string, number>(), address: new Map<string, number>() };
  let claims = 0;
  let isClosing = false;
  const closeIfRefused = (tunnel: Tunnel, caller: Caller | undefined) => {
    const why = caller && whyRefused(caller);
    if (why !== undefined) tunnel.close(why);
  };
  return {
    claim({ kind, key }) {
      const holders = held[kind];
      const count = holders.get(key) ?? 0;
      if (isClosing) throw new Problem('draining', { retryAfterSeconds: 1 });
      if (claims >= limits.maxPerWorker) throw new Problem('overloaded', { retryAfterSeconds: RETRY_AFTER_SECONDS });
      if (count >= (kind === 'user' ? limits.maxPerUser : limits.maxPerAddress)) throw tooMany(kind);
      claims++;
      holders.set(key, count + 1);
      return {
        release() {
          claims--;
          const left = (holders.get(key) ?? 1) - 1;
          if (left > 0) holders.set(key, left);
          else holders.delete(key);
        },
      };
    },
    open({ settings, onEnd, caller, ...ends }) {
      const tunnel = new Tunnel({
        ...ends,
        ...settings,
        clock,
        expiresAt: clock() + (caller?.validUntilMs ?? Number.POSITIVE_INFINITY) - now(),
        onEnd,
        onOver: () => tunnels.delete(tunnel),
      });
      tunnels.set(tunnel, caller);
      if (isClosing) tunnel.close('draining');
      // It may have come to that while the service was shaking hands.
      closeIfRefused(tunnel, caller);
    },
    close() {
      isClosing = true;
      for (const tunnel of tunnels.keys()) tunnel.close('draining');
    },
    closeRefused() {
      for (const [tunnel, caller] of tunnels) closeIfRefused(tunnel, caller);
    },
    cut() {
      for (const tunnel of tunnels.keys()) tunnel.cut();
    },
    openCount: () => tunnels.size,
  };
}

function tooMany(kind: Holder['kind']): Problem {
  return kind === 'user'
    ? new Problem('rate_limited_user', {
        detail: 'This user has as many WebSockets open as one may have.',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      })
    : new Problem('rate_limited_ip', {
        detail: 'As many WebSockets without a token are open from this address as may be.',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
}
