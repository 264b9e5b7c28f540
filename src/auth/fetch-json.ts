import { request } from 'undici';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

interface FetchJsonOptions {
  readonly timeoutMs: number;
  /** Of the body. */
  readonly maxBytes: number;
  /** Gives up before the time is over. */
  readonly signal: AbortSignal;
  /** Sent by POST as a form; without it the request is a GET. */
  readonly form?: URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Reads JSON from a server that may be slow, broken or not the one it should be.
 * @throws {Error} if there is none within the time and size
 */
export async function fetchJson(
  url: string,
  { timeoutMs, maxBytes, signal, form, headers = {} }: FetchJsonOptions,
): Promise<unknown> {
  // Not `fetch`: that follows redirects, which would let others choose whose keys we trust, and unpacks what a server has
  // compressed a thousandfold.
  const { statusCode, body } = await request(url, {
    method: form === undefined ? 'GET' : 'POST',
    body: form?.toString() ?? null,
    headers: { accept: 'application/json', ...(form === undefined ? {} : FORM), ...headers },
    // Keys are fetched again long after any server has closed an idle connection. Questions come one after the other.
    reset: form === undefined,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop closes the connection.
    if (bytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  if (statusCode !== 200) throw new Error(`expected status 200, got ${statusCode}`);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
