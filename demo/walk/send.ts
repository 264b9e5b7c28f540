import { type Agent, type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** A request to the gateway. */
export interface Call {
  readonly method?: string | undefined;
  readonly path: string;
  readonly token?: string | undefined;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** For kept-alive connections; else each request has one of its own, so that PM2 spreads them over the workers. */
  readonly agent?: Agent | undefined;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed, if it is JSON. */
  readonly body: unknown;
  /** From before the connection to the end of the body. */
  readonly ms: number;
}

/**
 * Sends a request and reads the answer to its end.
 * @throws {Error} when the connection fails, or the signal fires
 */
export function send(url: string, call: Call, signal: AbortSignal): Promise<Answer> {
  const { method = 'GET', path, token, json, agent = false } = call;
  const body = json === undefined ? undefined : JSON.stringify(json);
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...call.headers,
  };
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { method, headers, agent, signal }, (response) => {
      text(response).then((content) => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, body: parsed(content), ms: performance.now() - startedAt });
      }, reject);
    });
    outgoing.on('error', reject).end(body);
  });
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}
