import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** What is still to be answered on each connection. Clients may send the next request before the last one is answered. */
export interface PendingAnswers {
  /** Takes note of a response. False if an earlier one ends the connection: the request then must not be served. */
  add(res: ServerResponse): boolean;
  /** The unfinished responses of a connection, oldest first. */
  of(socket: Duplex): ServerResponse[];
}

/** Keeps the responses of every connection in the order of their requests. */
export function pendingAnswers(): PendingAnswers {
  const byConnection = new WeakMap<Duplex, ServerResponse[]>();
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
    of: (socket) => (byConnection.get(socket) ?? []).filter((res) => !res.writableFinished),
  };
}

/** The flag is Node's and the drain's, the header is ours. */
function endsConnection(res: ServerResponse): boolean {
  return !res.shouldKeepAlive || res.getHeader('connection') === 'close';
}
