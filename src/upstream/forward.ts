import type { IncomingMessage, ServerResponse } from 'node:http';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { contextOf } from '../context.ts';
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

/**
 * The proxy middleware around a transport of ours. The library's own transport is Node's `http.request`, which costs more
 * than all other stages together; its `plugins` option is the place to put in another one.
 * @see docs/adr/0003-undici-behind-http-proxy-middleware.md
 */
export function forwardWith(transport: Forward, { target }: { target: string }): Forward {
  const proxy = createProxyMiddleware({
    target,
    // The default plugins log and answer errors in their own way. Ours go to `answer-problem`.
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.web = async (req, res) => void (await transport(req, res));
        // Without a listener the emitter would throw what the middleware has already handed to `next`.
        server.on('error', () => undefined);
      },
    ],
  });
  return function forward(req, res) {
    return new Promise((resolve, reject) => {
      const next = (error?: unknown) => reject(error ?? new Problem('internal_error'));
      proxy(req, res, next).then(() => resolve({ status: contextOf(req).upstream?.status ?? 0 }), reject);
    });
  };
}
