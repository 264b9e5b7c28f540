import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

export interface RawUpstream {
  readonly port: number;
  /** How many requests it has received, as far as a head ends with an empty line. */
  requestCount(): number;
  connectionCount(): number;
  stop(): Promise<void>;
}

/** What a scripted upstream does with one request whose head has arrived. */
export type Script = (socket: Socket, head: string) => void;

/** An upstream that plays a script byte by byte, for answers that no HTTP server would give. */
export async function rawUpstream(script: Script, port = 0): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    let pending = '';
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end !== -1; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end);
        pending = pending.slice(end + 4);
        count++;
        script(socket, head);
      }
    });
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requestCount: () => count,
    connectionCount: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers every request with these bytes. */
export const answering =
  (bytes: string): Script =>
  (socket) =>
    void socket.write(Buffer.from(bytes, 'latin1'));

/** Takes requests and never answers. */
export const silent: Script = () => undefined;

/** A port on which nobody listens. */
export const deadUpstream = freePort;

/** Answers 200 after a while. */
export const slowUpstream = ({ headAfterMs }: { headAfterMs: number }) =>
  rawUpstream((socket) => {
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), headAfterMs);
  });
