import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IssuerKey } from './issuer-keys.ts';

/** A server that publishes the keys of an issuer, or does whatever a test wants of it. */
export interface KeyServer {
  readonly url: string;
  readonly jwksUrl: string;
  readonly port: number;
  /** Requests so far, whatever became of them. */
  requests(): number;
  publish(...keys: readonly Pick<IssuerKey, 'jwk'>[]): void;
  /** Answers so from now on. */
  answer(listener: RequestListener): void;
  stop(): Promise<void>;
}

/** Starts one on a free port. */
export async function startKeyServer(...keys: readonly Pick<IssuerKey, 'jwk'>[]): Promise<KeyServer> {
  let count = 0;
  let listener = publishing(keys);
  const server = createServer((req, res) => {
    count++;
    listener(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    jwksUrl: `${url}/jwks.json`,
    port,
    requests: () => count,
    publish(...fresh) {
      listener = publishing(fresh);
    },
    answer(other) {
      listener = other;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with a key set. */
export function publishing(keys: readonly Pick<IssuerKey, 'jwk'>[]): RequestListener {
  return json({ keys: keys.map(({ jwk }) => jwk) });
}

/** Answers with this as JSON. */
export function json(content: unknown, status = 200): RequestListener {
  return (_req, res) => res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(content));
}
