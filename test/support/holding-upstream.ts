import type { Socket } from 'node:net';
import { type RawUpstream, rawUpstream } from './raw-upstream.ts';

/** An upstream that answers no request before it is told to. */
export interface HoldingUpstream extends RawUpstream {
  /** Requests that it has not answered, from clients that are still there. */
  heldCount(): number;
  /** Answers what it holds, with 200. */
  release(): void;
  /** Answers what it holds and everything from now on. */
  open(): void;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Holds every request until it is released. `/stream` is the exception: it gets its head, and the beginning of a body. */
export async function holdingUpstream(): Promise<HoldingUpstream> {
  const held = new Set<Socket>();
  let isOpen = false;
  const release = () => {
    for (const socket of held) socket.write(OK);
    held.clear();
  };
  const upstream = await rawUpstream((socket, head) => {
    if (head.startsWith('GET /stream')) {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
    } else if (isOpen) socket.write(OK);
    else {
      held.add(socket);
      socket.once('close', () => held.delete(socket));
    }
  });
  return {
    ...upstream,
    heldCount: () => held.size,
    release,
    open() {
      isOpen = true;
      release();
    },
  };
}
