import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

/** A service that serves WebSockets, and remembers what it was asked. */
export interface WebSocketService {
  readonly port: number;
  /** The handshakes that reached it, in order. */
  readonly handshakes: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly rawHeaders: string[] }[];
  /** The WebSockets that it has open. */
  readonly sockets: Set<WebSocket>;
  /** Plain requests that reached it. */
  readonly requests: IncomingMessage[];
  /** The bytes of control frames that it has got: pongs by their payload, closes by their code. */
  readonly received: { readonly pongs: string[]; readonly codes: number[] };
  stop(): Promise<void>;
}

interface ServiceOptions {
  /** Does something with each new WebSocket; by default, what it gets goes back. */
  readonly onOpen?: (socket: WebSocket) => void;
  /** Picks a subprotocol of those offered. */
  readonly choose?: (offered: Set<string>) => string | false;
  readonly perMessageDeflate?: boolean;
}

/** Starts it on a free port. */
export async function startWebSocketService(options: ServiceOptions = {}): Promise<WebSocketService> {
  const { onOpen = echo, choose, perMessageDeflate = false } = options;
  const requests: IncomingMessage[] = [];
  const http = createServer((req, res) => {
    requests.push(req);
    res.end('plain');
  });
  const ws = new WebSocketServer({
    server: http,
    perMessageDeflate,
    ...(choose === undefined ? {} : { handleProtocols: choose }),
  });
  const service = {
    handshakes: [] as WebSocketService['handshakes'],
    sockets: new Set<WebSocket>(),
    requests,
    received: { pongs: [] as string[], codes: [] as number[] },
  };
  ws.on('connection', (socket, { url = '', headers, rawHeaders }) => {
    service.handshakes.push({ url, headers, rawHeaders });
    service.sockets.add(socket);
    socket.on('close', (code) => {
      service.sockets.delete(socket);
      service.received.codes.push(code);
    });
    socket.on('pong', (data) => service.received.pongs.push(data.toString()));
    socket.on('error', () => undefined);
    onOpen(socket);
  });
  const port = await listen(http);
  return {
    port,
    ...service,
    async stop() {
      for (const socket of service.sockets) socket.terminate();
      ws.close();
      await closed(http);
    },
  };
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** A service that answers handshakes in its own way: `answer` gets the bare connection. */
export async function startUpgrader(
  answer: (socket: Socket, req: IncomingMessage) => void,
): Promise<{ readonly port: number; connectionCount(): number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const http = createServer();
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  http.on('upgrade', (req, socket) => {
    // Or it would not notice that the other side is gone.
    socket.on('end', () => socket.destroy()).resume();
    answer(socket as Socket, req);
  });
  const port = await listen(http);
  return {
    port,
    connectionCount: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await closed(http);
    },
  };
}

async function listen(http: Server): Promise<number> {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return (http.address() as AddressInfo).port;
}

async function closed(http: Server): Promise<void> {
  const end = once(http, 'close');
  http.close();
  http.closeAllConnections();
  await end;
}
