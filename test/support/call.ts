import { type Agent, type IncomingHttpHeaders, request } from 'node:http';
import { request as secureRequest } from 'node:https';

/** What a client got for one request. */
export interface Answer {
  /** 0 when no response head came. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** Why the answer is not whole; undefined when it is. */
  readonly failure: string | undefined;
}

interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Several chunks are sent one by one; without a Content-Length header they are sent chunked. */
  readonly body?: Buffer | string | readonly Buffer[];
  readonly agent?: Agent | false;
  /** The certificate to trust, for an https URL. */
  readonly ca?: string;
}

/** Makes one request and never rejects: an answer that breaks off is an answer with a `failure`. */
export function call(
  url: string,
  { method = 'GET', headers = {}, body, agent = false, ca }: CallOptions = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const options = { method, headers, agent };
    const req = ca === undefined ? request(url, options) : secureRequest(url, { ...options, ca });
    const nothing = { status: 0, headers: {}, rawHeaders: [], body: Buffer.alloc(0) };
    req.on('error', (error: NodeJS.ErrnoException) => resolve({ ...nothing, failure: error.code ?? error.message }));
    req.on('response', (res) => {
      const chunks: Buffer[] = [];
      const finish = (failure?: string) =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          body: Buffer.concat(chunks),
          failure,
        });
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => finish());
      res.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    });
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) return void req.end(body);
    for (const chunk of body) req.write(chunk);
    req.end();
  });
}

/** The reason in a problem answer. */
export function reasonOf({ headers, body }: Answer): unknown {
  const isProblem = headers['content-type'] === 'application/problem+json';
  return isProblem && body.length > 0
    ? (JSON.parse(body.toString()) as { reason?: unknown }).reason
    : headers['x-gateway-reason'];
}
