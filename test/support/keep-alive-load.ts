import { Agent, request } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

export interface LoadResult {
  readonly requests: number;
  /** Requests that got no answer, or not the expected one, by what happened. */
  readonly failures: Readonly<Record<string, number>>;
  /** Milliseconds of the slowest answer. */
  readonly slowestMs: number;
}

interface LoadOptions {
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly connections: number;
  /** The status that counts as success. Default 200. */
  readonly expectedStatus?: number;
  readonly method?: string;
  /** The certificate to trust, for an https URL. */
  readonly ca?: string;
  /** How long each connection waits between two requests, in milliseconds. Default 0. */
  readonly pauseMs?: number;
}

/**
 * Keeps connections busy with one request after the other, as browsers and nginx do, without ever trying again: every
 * request that the server loses shows. Runs until `stop` is called.
 */
export function keepAliveLoad({ url, headers = {}, connections, expectedStatus = 200, ...options }: LoadOptions) {
  const { method = 'GET', ca, pauseMs = 0 } = options;
  const pool = { keepAlive: true, maxSockets: connections };
  const agent = ca === undefined ? new Agent(pool) : new SecureAgent({ ...pool, ca });
  const send = ca === undefined ? request : secureRequest;
  const failures: Record<string, number> = {};
  let requests = 0;
  let slowestMs = 0;
  let isStopped = false;
  const fail = (what: string) => {
    failures[what] = (failures[what] ?? 0) + 1;
  };
  const once = () =>
    new Promise<void>((resolve) => {
      const startedAt = performance.now();
      requests++;
      const finish = (failure?: string) => {
        slowestMs = Math.max(slowestMs, performance.now() - startedAt);
        if (failure !== undefined) fail(failure);
        resolve();
      };
      const call = send(url, { agent, headers, method }, (res) => {
        res.resume();
        res.on('end', () => finish(res.statusCode === expectedStatus ? undefined : `status ${res.statusCode}`));
        res.on('error', (error) => finish(error.message));
      });
      call.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
      call.end();
    });
  const lane = async () => {
    while (!isStopped) {
      await once();
      if (pauseMs > 0) await pause(pauseMs);
    }
  };
  const lanes = Promise.all(Array.from({ length: connections }, lane));
  return {
    /** How many requests have been made so far. */
    count: () => requests,
    async stop(): Promise<LoadResult> {
      isStopped = true;
      await lanes;
      agent.destroy();
      return { requests, failures, slowestMs };
    },
  };
}
