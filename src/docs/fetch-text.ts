import { request } from 'undici';

interface FetchTextOptions {
  readonly timeoutMs: number;
  /** Of the body. */
  readonly maxBytes: number;
  /** Gives up before the time is over. */
  readonly signal: AbortSignal;
}

/**
 * Reads a text from a service that may be slow, broken or hostile.
 * @throws {Error} if there is none within the time and size
 */
export async function fetchText(url: string, { timeoutMs, maxBytes, signal }: FetchTextOptions): Promise<string> {
  // Not `fetch`: that follows redirects, which would let the service choose whom in our network we call, unpacks what a
  // service has compressed a thousandfold, and refuses ports on which a service may well be.
  const { statusCode, body } = await request(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    // The next reading is long after any server has closed an idle connection.
    reset: true,
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop closes the connection.
    if (bytes > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  if (statusCode !== 200) throw new Error(`expected status 200, got ${statusCode}`);
  return Buffer.concat(chunks).toString('utf8');
}
