import type { IncomingMessage } from 'node:http';
import type { Dispatcher } from 'undici';
import { contextOf, upgradeOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import type { WebSocketPart } from './answer-upgrade.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { Exchange } from './exchange.ts';
import type { Forward, Outcome } from './forward.ts';

/** A way to one instance, and how busy it is. */
export interface Transport {
  readonly forward: Forward;
  /** Requests under way, those whose answer is still streaming included. */
  underWay(): number;
  /** Whether it has a connection for one more. WebSockets have connections of their own. */
  hasRoom(): boolean;
}

interface TransportOptions {
  readonly origin: string;
  readonly pool: ConnectionPool;
  readonly maxConnections: number;
  readonly outgoingHeaders: (req: IncomingMessage) => string[];
  /** A client that takes nothing of its answer for so long is cut off. */
  readonly sendTimeoutMs: number;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  readonly webSockets: WebSocketPart;
  /** An answer has ended: whole, or broken off after its head. */
  readonly onAnswered: (isWhole: boolean) => void;
}

/** Forwards over the connections of a pool. */
export function undiciTransport(options: TransportOptions): Transport {
  const { origin, pool, maxConnections, outgoingHeaders, sendTimeoutMs, clock, webSockets, onAnswered } = options;
  let underWay = 0;
  let upgraded = 0;
  const shared = {
    origin,
    sendTimeoutMs,
    clock,
    webSockets,
    onAnswered,
    onUpgraded() {
      upgraded++;
    },
    onOver(wasUpgraded: boolean) {
      underWay--;
      if (wasUpgraded) upgraded--;
    },
  };
  const forward: Forward = (req, res) =>
    new Promise<Outcome>((resolve, reject) => {
      // It left while an earlier stage was waiting; nothing would tell us a second time.
      if (res.destroyed) throw new Problem('client_closed');
      const exchange = new Exchange({ ...shared, req, res, resolve, reject });
      underWay++;
      try {
        const headers = outgoingHeaders(req);
        // How long we shall wait for the head, so that the service need not work for nobody.
        headers.push('x-gateway-timeout-ms', String(Math.max(1, Math.ceil(exchange.headMs))));
        const { path, body, idleMs } = exchange;
        const method = req.method as Dispatcher.HttpMethod;
        const upgrade = upgradeOf(req) === undefined ? null : 'websocket';
        const isRepeated = contextOf(req).upstream?.retries !== undefined;
        const connections = isRepeated ? pool.fresh() : pool.kept();
        connections.dispatch({ path, method, headers, body, upgrade, bodyTimeout: idleMs }, exchange);
        exchange.dispatched();
      } catch (error) {
        exchange.fail(error);
      }
    });
  return { forward, underWay: () => underWay, hasRoom: () => underWay - upgraded < maxConnections };
}
