import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What is still to be answered on each connection. Clients may send the next request before the last one is answered. */
export interface PendingAnswers {
  /** Takes note of a response. False if an earlier one ends the connection: the request then must not be served. */
  add(res: ServerResponse): boolean;
  /** The unfinished responses of a connection, oldest first. */
  of(socket: Duplex): ServerResponse[];
  /** The unfinished responses of all connections. */
  all(): ServerResponse[];
  /** Connections that have never sent a byte, such as browsers open ahead of need. */
  untouched(): Socket[];
}

/**
 * Keeps the responses of every connection in the order of their requests.
 * By connection, and not in one set of responses: a set that gains and loses two members per request leaves its old tables
 * to the garbage collector's slow half, with every response they held, and a request then costs it twice as much.
 */
export function pendingAnswers(server: Server): PendingAnswers {
  const connections = new Set<Socket>();
  const byConnection = new WeakMap<Duplex, ServerResponse[]>();
  const of = (socket: Duplex) => (byConnection.get(socket) ?? []).filter((res) => !res.writableFinished);
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return {
    add(res) {
      const { socket } = res.req;
      const responses = byConnection.get(socket);
      const last = responses?.at(-1);
      if (last !== undefined && endsConnection(last)) return false;
      if (responses === undefined || last?.writableFinished) byConnection.set(socket, [res]);
      else responses.push(res);
      return true;
    },
    of,
    all: () => [...connections].flatMap(of),
    untouched: () => [...connections].filter((socket) => socket.bytesRead === 0),
  };
}

/** Whether a response is the last of its connection. The flag is Node's and the drain's, the header is ours. */
export function endsConnection(res: ServerResponse): boolean {
  return !res.shouldKeepAlive || res.getHeader('connection') === 'close';
}
