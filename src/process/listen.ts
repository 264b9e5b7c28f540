import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ServerSettings } from '../config/schema.ts';
import { markExpectsContinue } from '../context.ts';
import type { Reason } from '../problem/catalog.ts';
import { Problem, problemBody } from '../problem/problem.ts';

/** What was refused before it was a request: nobody else will report it. */
export interface Malformed {
  readonly client: string | undefined;
  readonly reason: Reason;
  readonly status: number;
  /** The parser's word for it. */
  readonly code: string | undefined;
  readonly requestId: string;
}

export interface ServerOptions {
  readonly handle: RequestListener;
  readonly settings: ServerSettings;
  readonly newRequestId: () => string;
  readonly onMalformed: (malformed: Malformed) => void;
}

/** The public server, with the bounds of `gateway.yaml` and problem answers for what never becomes a request. */
export function publicServer({ handle, settings, newRequestId, onMalformed }: ServerOptions): Server {
  const answering = new WeakMap<Duplex, ServerResponse>();
  const server = createServer({
    // Explicit, so that no flag of the process can loosen the parser. @see docs/adr/0004-what-is-refused-before-routing.md
    insecureHTTPParser: false,
    // A missing Host is refused by a stage, with a problem answer.
    requireHostHeader: false,
    maxHeaderSize: settings.maxHeaderBytes,
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1000,
  });
  server.maxHeadersCount = settings.maxHeaderCount;
  const serve: RequestListener = (req, res) => {
    answering.set(req.socket, res);
    handle(req, res);
  };
  server.on('request', serve);
  // The client waits for `100 Continue`: the last stage asks for the body, once nothing stands against it.
  server.on('checkContinue', (req, res) => {
    markExpectsContinue(req);
    server.emit('request', req, res);
  });
  // Any other expectation is refused by a stage.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));

  const refuse = (socket: Duplex, problem: Problem, code?: string) => {
    const current = answering.get(socket);
    const isAnswering = current?.headersSent && !current.writableFinished;
    // Words in the middle of an answer would become part of it.
    if (isAnswering || !socket.writable) return void socket.destroy();
    const requestId = newRequestId();
    const client = (socket as { remoteAddress?: string }).remoteAddress;
    onMalformed({ client, reason: problem.reason, status: problem.status, code, requestId });
    socket.end(rawAnswer(problem, requestId));
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return void socket.destroy();
    refuse(socket, problemOf(error.code), error.code);
  });
  server.on('connect', (_req, socket) => {
    refuse(socket, new Problem('method_not_allowed', { detail: 'This is no forward proxy: CONNECT is not served.' }));
  });
  return server;
}

function problemOf(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('header_too_large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Problem('invalid_request', { detail: 'The request was not complete in time.' });
  }
  return new Problem('invalid_request', { detail: 'The bytes received are not a valid HTTP/1.1 request.' });
}

/** The same answer that `answer-problem` gives, for a socket without a response object. */
function rawAnswer(problem: Problem, requestId: string): string {
  const body = problemBody(problem, { requestId, instance: '/' });
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    `X-Gateway-Reason: ${problem.reason}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
