import type { Socket } from 'node:net';
import { malformedAnswers } from '../../test/support/malformed-answers.ts';
import { type RawUpstream, rawUpstream } from '../../test/support/raw-upstream.ts';

const SMALL = JSON.stringify({ id: 'acme', note: 'x'.repeat(175) });
const LARGE = 'x'.repeat(1024 * 1024);
const SLOW_MS = 400;
const IDLE_MS = 300;
/** Of the requests to the faulty service. Well below the half at which a breaker opens, which it may do now and then all the same. */
const FAULTY_SHARE = 0.25;

/** Answers everything, but closes a share of its connections while they are idle, at any moment. */
export function restlessService(): Promise<RawUpstream> {
  return rawUpstream((socket, head) => {
    answerWell(socket, head);
    if (Math.random() < 0.05) setTimeout(() => socket.end(), Math.random() * IDLE_MS);
  });
}

/** Does everything that a service should not, to a share of its requests. */
export function faultyService(): Promise<RawUpstream> {
  return rawUpstream((socket, head) => {
    if (Math.random() >= FAULTY_SHARE) return answerWell(socket, head);
    faults[Math.floor(Math.random() * faults.length)]?.(socket);
  });
}

const faults: readonly ((socket: Socket) => void)[] = [
  (socket) => void socket.resetAndDestroy(),
  (socket) => void socket.end(),
  (socket) => {
    // The whole head, and then a body that ends too early.
    socket.write(`${headOf(LARGE)}${LARGE.slice(0, 70_000)}`, () => socket.resetAndDestroy());
  },
  (socket) => void setTimeout(() => socket.write(headOf(SMALL) + SMALL), SLOW_MS),
  (socket) => {
    // The body comes a byte at a time.
    socket.write(headOf('slow'));
    [...'slow'].forEach((letter, index) => void setTimeout(() => socket.write(letter), (index + 1) * 100));
  },
  (socket) => void socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
  (socket) => {
    const { bytes = '' } = malformedAnswers[Math.floor(Math.random() * malformedAnswers.length)] ?? {};
    socket.end(Buffer.from(bytes, 'latin1'));
  },
];

function answerWell(socket: Socket, head: string): void {
  const body = head.includes('/large') ? LARGE : SMALL;
  socket.write(headOf(body) + body);
}

function headOf(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
}
