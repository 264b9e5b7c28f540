import type { IncomingMessage, ServerResponse } from 'node:http';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { contextOf, upgradeOf } from '../context.ts';
import { Problem } from '../problem/problem.ts';

/** What an upstream answered: known as soon as the response head is. */
export interface Outcome {
  readonly status: number;
}

/**
 * Sends one request to one upstream and streams the answer to the client. Settles on the response head, so a body may
 * stream for hours without looking like a slow upstream.
 * @throws {Problem} if no usable response head came; nothing has been sent to the client then
 */
export type Forward = (req: IncomingMessage, res: ServerResponse) => Promise<Outcome>;

/** The middleware wants one, and never sees it used: which instance is asked is decided behind it, for each try. As text, it would be parsed for each request. */
const SOME_TARGET = { protocol: 'http:', host: 'upstream.invalid', port: 80 };

/**
 * The proxy middleware around a transport of ours. The library's own transport is Node's `http.request`, which costs more
 * than all other stages together; its `plugins` option is the place to put in another one. One for all upstreams: each
 * adds a listener to the server.
 * @see docs/adr/0003-undici-behind-http-proxy-middleware.md
 */
export function forwardWith(transport: Forward): Forward {
  const handshakes = new WeakMap<IncomingMessage, Handshake>();
  const proxy = createProxyMiddleware({
    target: SOME_TARGET,
    // The default plugins log and answer errors in their own way. Ours go to `answer-problem`.
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.web = async (req, res) => void (await transport(req, res));
        server.ws = async (req) => {
          const handshake = handshakes.get(req);
          if (handshake !== undefined) handshake.resolve(await transport(req, handshake.res));
        };
        // Of requests, the middleware hands errors to `next` too. Without a listener the emitter would throw them.
        server.on('error', (error, req) => req && handshakes.get(req)?.reject(error));
      },
    ],
  });
  return function forward(req, res) {
    return new Promise((resolve, reject) => {
      if (upgradeOf(req) !== undefined) {
        handshakes.set(req, { res, resolve, reject });
        return proxy.upgrade(req, req.socket, NOTHING);
      }
      const next = (error?: unknown) => reject(error ?? new Problem('internal_error'));
      proxy(req, res, next).then(() => resolve({ status: contextOf(req).upstream?.status ?? 0 }), reject);
    });
  };
}

/** The middleware's `upgrade` neither takes a response nor tells how it went. */
interface Handshake {
  readonly res: ServerResponse;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** What came behind the handshake: what has been refused by now. */
const NOTHING = Buffer.alloc(0);
