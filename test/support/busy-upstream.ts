import type { Socket } from 'node:net';
import { type RawUpstream, rawUpstream } from './raw-upstream.ts';

interface BusyOptions {
  /** How many requests it works on at a time; the others wait, first come first served. */
  readonly parallel: number;
  /** What a request takes of it. */
  readonly workMs: number;
  /** A free one if there is none. */
  readonly port?: number;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}';

/** An upstream that can do so much and no more: `parallel` requests in `workMs`. */
export function busyUpstream({ parallel, workMs, port }: BusyOptions): Promise<RawUpstream> {
  const waiting: Socket[] = [];
  let working = 0;
  const next = () => {
    while (working < parallel) {
      const socket = waiting.shift();
      if (socket === undefined) return;
      // Whoever has left is not worked for.
      if (socket.destroyed) continue;
      working++;
      setTimeout(() => {
        working--;
        if (!socket.destroyed) socket.write(OK);
        next();
      }, workMs);
    }
  };
  return rawUpstream((socket) => {
    waiting.push(socket);
    next();
  }, port);
}
