import { createConnection } from 'node:net';
import { connect } from 'node:tls';

/** One answer, taken apart. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface SendOptions {
  /** Stops as soon as the text so far satisfies this; by default when the connection closes or falls silent. */
  readonly until?: (text: string) => boolean;
  /** Milliseconds of silence after which the exchange counts as over. By default more before the first byte than later. */
  readonly silenceMs?: number;
  /** The certificate to trust: then it speaks TLS, to `localhost`. */
  readonly ca?: string | undefined;
  /** The address that it comes from, out of 127.0.0.0/8. Linux lets a client have any of them. */
  readonly from?: string;
}

/** A busy machine may take longer to begin an answer than to go on with it. */
const DEFAULT_SILENCE_MS = { beforeFirstByte: 3000, afterwards: 400 };

/** Sends bytes as they are and returns everything that comes back, as latin1 text. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  { until = () => false, silenceMs, ca, from }: SendOptions = {},
): Promise<{ text: string; isClosed: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const address = { port, host: '127.0.0.1', ...(from === undefined ? {} : { localAddress: from }) };
    const socket = ca === undefined ? createConnection(address) : connect({ ...address, ca, servername: 'localhost' });
    const finish = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, isClosed });
    };
    const finishIn = (milliseconds: number) => setTimeout(() => finish(false), milliseconds);
    let timer = finishIn(silenceMs ?? DEFAULT_SILENCE_MS.beforeFirstByte);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      clearTimeout(timer);
      timer = finishIn(silenceMs ?? DEFAULT_SILENCE_MS.afterwards);
      if (until(text)) finish(false);
    });
    socket.on('close', () => finish(true)).on('error', () => undefined);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}

/** Takes the first answer of a text apart. */
export function parseAnswer(text: string): RawAnswer {
  const headEnd = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, headEnd === -1 ? text.length : headEnd).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0),
    headers: Object.fromEntries(headers),
    body: headEnd === -1 ? '' : text.slice(headEnd + 4),
  };
}

/** How many answers a text begins. */
export function countAnswers(text: string): number {
  return text.split(/^HTTP\/1\.1 /m).length - 1;
}
