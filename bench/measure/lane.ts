import { once } from 'node:events';
import { connect } from 'node:net';

/** How a request ended. `failure` says in words what was wrong, and is absent if nothing was. */
export interface LaneAnswer {
  readonly failure?: string;
}

/** One kept-alive connection, one request at a time. */
export interface Lane {
  send(request: string, done: (answer: LaneAnswer) => void): void;
  isOpen(): boolean;
  close(): void;
}

/** What every answer must be. */
export interface Expected {
  readonly status: number;
  readonly bodyBytes: number;
}

const HEAD_END = '\r\n\r\n';

/**
 * Opens a connection that parses no more of an answer than status and length, for a generator that costs less than what it
 * measures. An answer must have a Content-Length.
 */
export async function openLane(port: number, expected: Expected): Promise<Lane> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let done: ((answer: LaneAnswer) => void) | undefined;
  let reader = answerReader(expected);
  const finish = (answer: LaneAnswer) => {
    const report = done;
    done = undefined;
    reader = answerReader(expected);
    report?.(answer);
  };
  socket.on('data', (chunk) => {
    const answer = reader(chunk);
    if (answer === undefined) return;
    if (answer.failure !== undefined) socket.destroy();
    finish(answer);
  });
  socket.on('error', ({ message }) => finish({ failure: message }));
  socket.on('close', () => finish({ failure: 'the connection was closed' }));
  return {
    send(request, whenDone) {
      if (socket.destroyed) return whenDone({ failure: 'the connection is closed' });
      done = whenDone;
      socket.write(request, 'latin1');
    },
    isOpen: () => !socket.destroyed,
    close: () => void socket.destroy(),
  };
}

/** Takes the bytes of one answer in pieces, and returns its verdict once it is whole. */
export function answerReader({ status, bodyBytes }: Expected): (chunk: Buffer) => LaneAnswer | undefined {
  let head: Buffer | undefined;
  let missingBytes = Number.NaN;
  return (chunk) => {
    if (Number.isNaN(missingBytes)) {
      head = head === undefined ? chunk : Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end === -1) return undefined;
      const failure = headFailure(head.toString('latin1', 0, end + 2), { status, bodyBytes });
      if (failure !== undefined) return { failure };
      missingBytes = bodyBytes - (head.length - end - HEAD_END.length);
    } else missingBytes -= chunk.length;
    if (missingBytes < 0) return { failure: 'the answer is longer than its Content-Length' };
    return missingBytes === 0 ? {} : undefined;
  };
}

function headFailure(head: string, { status, bodyBytes }: Expected): string | undefined {
  const actual = head.slice(9, 12);
  if (actual !== String(status)) return `status ${actual}`;
  const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1];
  return Number(length) === bodyBytes ? undefined : `Content-Length ${length}`;
}
