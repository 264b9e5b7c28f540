import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Reason } from '../problem/catalog.ts';
import { type Problem, problemAnswer } from '../problem/problem.ts';
import type { PendingAnswers } from './pending-answers.ts';

/** What was refused before it was a request: nobody else will report it. */
export interface Malformed {
  readonly client: string | undefined;
  readonly reason: Reason;
  readonly status: number;
  /** The parser's word for it. */
  readonly code: string | undefined;
  readonly requestId: string;
}

interface RefusalOptions {
  readonly pending: PendingAnswers;
  readonly newRequestId: () => string;
  readonly onMalformed: (malformed: Malformed) => void;
}

/** Answers what the pipeline never sees, in the words that `answer-problem` would use. Every refusal ends its connection. */
export interface Refusals {
  /** Refuses a request that has a response object. */
  request(res: ServerResponse, problem: Problem): void;
  /** Refuses bytes that never became a request, after the answers to all that came before them. */
  bytes(socket: Socket, problem: Problem, code?: string): void;
}

/** A refused client has this long to read its answer and close its side; nothing else watches such a connection. */
const LINGER_MS = 1000;

/** Writes refusals, and puts each on record: the access log hears of nothing that never became a request. */
export function refuseMalformed({ pending, newRequestId, onMalformed }: RefusalOptions): Refusals {
  const refused = new WeakSet<Socket>();
  const answerTo = (socket: Socket, problem: Problem, code?: string) => {
    const requestId = newRequestId();
    // The notation of the access log's other lines, or a search for a client would miss these.
    const client = socket.remoteAddress?.replace(/^::ffff:/, '');
    onMalformed({ client, reason: problem.reason, status: problem.status, code, requestId });
    const { headers, body } = problemAnswer(problem, { requestId, instance: '/' });
    return { headers: { ...headers, Connection: 'close' }, body };
  };
  const answerRaw = (socket: Socket, problem: Problem, code?: string) => {
    const { headers, body } = answerTo(socket, problem, code);
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${head.join('\r\n')}\r\n\r\n${body}`);
    const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(cut));
  };
  return {
    request(res, problem) {
      const { headers, body } = answerTo(res.req.socket, problem);
      res.shouldKeepAlive = false;
      res.writeHead(problem.status, headers).end(body);
    },
    bytes(socket, problem, code) {
      // The parser complains again about every further byte.
      if (refused.has(socket)) return;
      refused.add(socket);
      const unfinished = pending.of(socket);
      // A fault in the body of the last request is that request's; any other is of what came behind it.
      const culprit = unfinished.at(-1)?.req.complete === false ? unfinished.pop() : undefined;
      const answer = () => {
        // Words in the middle of an answer would become part of it.
        if (culprit?.headersSent || !socket.writable) socket.destroy();
        else answerRaw(socket, problem, code);
      };
      const earlier = unfinished.at(-1);
      if (earlier === undefined) answer();
      else earlier.once('close', answer);
    },
  };
}
