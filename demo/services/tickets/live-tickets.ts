import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { readCaller } from '../shared/caller.ts';
import type { CheckAssertion } from '../shared/check-assertion.ts';
import { Problem } from '../shared/problem.ts';
import type { Ticket } from './schemas.ts';

const PATH = '/live';

/** The end of a service that stops. @see RFC 6455 §7.4.1 */
const GOING_AWAY = 1001;

/** WebSockets at `/live`: each tells its tenant's tickets as they change. */
export interface LiveTickets {
  /** For a server's `upgrade` event. */
  accept(request: IncomingMessage, connection: Duplex, head: Buffer): Promise<void>;
  /** Tells everybody of the ticket's tenant. */
  announce(ticket: Ticket): void;
  close(): void;
}

/** Nobody listens yet. With `check`, who is calling is believed only if that is signed. */
export function liveTickets(check?: CheckAssertion): LiveTickets {
  const server = new WebSocketServer({ noServer: true });
  const listeners = new Map<string, Set<WebSocket>>();
  return {
    async accept(request, connection, head) {
      // A client may leave meanwhile, and an error that nobody listens for would end the service.
      connection.on('error', () => connection.destroy());
      try {
        if (request.url !== PATH) throw new Problem({ status: 404, detail: `WebSockets are at ${PATH}.` });
        await check?.(request.headers);
        const { tenantId } = readCaller(request.headers);
        server.handleUpgrade(request, connection, head, (socket) => {
          const ofTenant = listeners.get(tenantId) ?? new Set();
          listeners.set(tenantId, ofTenant.add(socket));
          socket.on('close', () => ofTenant.delete(socket)).on('error', () => socket.terminate());
        });
      } catch (error) {
        refuse(connection, error instanceof Problem ? error.status : 500);
      }
    },
    announce(ticket) {
      for (const socket of listeners.get(ticket.tenantId) ?? []) socket.send(JSON.stringify({ ticket }));
    },
    close() {
      for (const socket of server.clients) socket.close(GOING_AWAY);
    },
  };
}

function refuse(connection: Duplex, status: number): void {
  connection.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}
