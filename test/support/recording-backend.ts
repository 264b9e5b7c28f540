import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net';

/** One request as the backend's parser saw it. */
export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  /** Names in lower case; values of repeated headers in order. */
  readonly headers: Readonly<Record<string, string[]>>;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface RecordingBackend {
  readonly port: number;
  readonly requests: ReceivedRequest[];
  /** Every byte of every connection, in the order of connections. */
  rawBytes(): string[];
  /** Open connections from the gateway. */
  connectionCount(): number;
  /** Forgets what was received. */
  reset(): void;
  stop(): Promise<void>;
}

/** A backend that records the bytes of every connection and every request in them. It answers 200 with `{"ok":true}`. */
export async function startRecordingBackend(answer?: RequestListener): Promise<RecordingBackend> {
  const requests: ReceivedRequest[] = [];
  const raw: { text: string }[] = [];
  const sockets = new Set<Socket>();
  const http = createServer({ requireHostHeader: false, keepAliveTimeout: 60_000 }, (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => requests.push(received(req, Buffer.concat(chunks))));
    if (answer !== undefined) return answer(req, res);
    req.on('end', () => {
      res.setHeader('content-type', 'application/json');
      res.end('{"ok":true}');
    });
  });
  const server = createNetServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    const record = { text: '' };
    raw.push(record);
    http.emit('connection', socket);
    // Behind the parser, which otherwise reads from the handle itself and leaves nothing to listeners.
    socket.on('data', (chunk) => {
      record.text += chunk.toString('latin1');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    rawBytes: () => raw.map(({ text }) => text).filter((text) => text !== ''),
    connectionCount: () => sockets.size,
    reset() {
      requests.length = 0;
      for (const record of raw) record.text = '';
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function received(req: IncomingMessage, body: Buffer): ReceivedRequest {
  // Without a prototype: clients may send a header named `constructor`.
  const headers: Record<string, string[]> = Object.create(null);
  for (let index = 0; index < req.rawHeaders.length; index += 2) {
    const name = (req.rawHeaders[index] ?? '').toLowerCase();
    headers[name] = [...(headers[name] ?? []), req.rawHeaders[index + 1] ?? ''];
  }
  return { method: req.method ?? '', url: req.url ?? '', headers, rawHeaders: req.rawHeaders, body: body.toString() };
}
