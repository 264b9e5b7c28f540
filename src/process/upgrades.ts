import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { markUpgrade } from '../context.ts';

/** Connections that have left HTTP, or are about to. The server knows nothing of them any more. */
export interface Upgrades {
  /** Ends all of them at once. */
  cut(): void;
}

/**
 * Lets handshakes of WebSockets through the same pipeline as every request. Node hands them over in an event of their own,
 * with the bare connection: here each gets the response that it lacks. What is no such handshake never gets here, and is a
 * plain request.
 * @throws {Error} if this Node can't tell the two apart: it would hand over whatever has an `Upgrade` header, body and all
 */
export function serveUpgrades(server: Server): Upgrades {
  if (!('shouldUpgradeCallback' in server)) {
    throw new Error('`websocket` in gateway.yaml needs Node 24.9 or later, which can tell which upgrades to make');
  }
  const sockets = new Set<Socket>();
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Node has let go of it, and an error that nobody listens for would end the process.
    socket.on('error', () => undefined);
    markUpgrade(req, { hasEarlyBytes: head.length > 0, take: watch(socket) });
    const res = new ServerResponse(req);
    res.assignSocket(socket);
    // A refusal is the end of the connection: no parser reads what would follow.
    res.once('finish', () => socket.destroySoon());
    server.emit('request', req, res);
  });
  return {
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * A client that waits for its answer sends nothing and stays. One that does otherwise is cut: what it sends now could be
 * meant for another protocol than the one that will read it. Returns what ends the watch.
 * @see RFC 6455 §4.1
 */
function watch(socket: Socket): () => Socket {
  const cut = () => void socket.destroy();
  socket.on('data', cut).on('end', cut);
  return () => socket.off('data', cut).off('end', cut);
}
