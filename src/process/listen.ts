import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ServerSettings } from '../config/schema.ts';
import { markExpectsContinue } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { originForm } from './origin-form.ts';
import { type PendingAnswers, pendingAnswers } from './pending-answers.ts';
import { type Malformed, type Refusals, refuseMalformed } from './refuse-malformed.ts';
import { servedInTurn } from './served-in-turn.ts';
import { serveUpgrades, type Upgrades } from './upgrades.ts';

const ADMIN_TIMEOUT_MS = 10_000;

export interface ServerOptions {
  readonly handle: RequestListener;
  readonly settings: ServerSettings;
  readonly newRequestId: () => string;
  readonly onMalformed: (malformed: Malformed) => void;
  /** Which requests are handshakes of WebSockets; undefined if none is. It must not throw. */
  readonly isHandshake?: ((req: IncomingMessage) => boolean) | undefined;
}

/** A server, and what it has still to answer. */
export interface PublicServer {
  readonly server: Server;
  readonly pending: PendingAnswers;
  readonly upgrades: Upgrades;
}

/** The public server, with the bounds of `gateway.yaml` and problem answers for what never becomes a request. */
export function publicServer(options: ServerOptions): PublicServer {
  const { handle, settings, newRequestId, onMalformed, isHandshake } = options;
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
    // A handshake behind a request that is still being answered stays a plain request, which a stage refuses.
    shouldUpgradeCallback: (req) => isHandshake?.(req) === true && pending.of(req.socket).length === 0,
  });
  server.maxHeadersCount = settings.maxHeaderCount;
  const pending = pendingAnswers(server);
  const refuse = refuseMalformed({ pending, newRequestId, onMalformed });

  const serve = servedInTurn((res) => {
    const { req } = res;
    const target = originForm(req.url ?? '');
    if (target === undefined) return refuse.request(res, unreadableTarget());
    req.url = target;
    handle(req, res);
  });

  server.on('request', (req, res) => {
    // What follows an answer that ends the connection may be the body of a request that was refused for its framing.
    if (!pending.add(res)) return;
    // The parser skips what it has already read behind such a request, up to the middle of a next one.
    if (req.headers.upgrade !== undefined) res.shouldKeepAlive = false;
    serve(res);
  });
  // The client waits for `100 Continue`: the last stage asks for the body, once nothing stands against it.
  server.on('checkContinue', (req, res) => {
    markExpectsContinue(req);
    server.emit('request', req, res);
  });
  // Any other expectation is refused by a stage.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  refuseWhatIsNoRequest(server, refuse);
  const upgrades = isHandshake === undefined ? { cut: () => undefined } : serveUpgrades(server);
  return { server, pending, upgrades };
}

/** The server for operators. It sees few requests, all of them short. */
export function adminServer(handle: RequestListener): Server {
  return createServer({ headersTimeout: ADMIN_TIMEOUT_MS, requestTimeout: ADMIN_TIMEOUT_MS }, handle);
}

function refuseWhatIsNoRequest(server: Server, refuse: Refusals): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return void socket.destroy();
    refuse.bytes(socket, problemOf(error.code), error.code);
  });
  server.on('connect', (_req, socket: Socket) => {
    // Node has let go of the socket: an error that nobody listens for would end the process.
    socket.on('error', () => undefined);
    const detail = 'This is no forward proxy: CONNECT is not served.';
    const headers = { Allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' };
    refuse.bytes(socket, new Problem('method_not_allowed', { detail, headers }));
  });
}

function unreadableTarget(): Problem {
  return new Problem('invalid_request', {
    detail: 'the request target is neither a path nor http(s)://host[:port]/path',
  });
}

function problemOf(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('header_too_large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Problem('invalid_request', { detail: 'The request was not complete in time.' });
  }
  return new Problem('invalid_request', { detail: 'The bytes received are not a valid HTTP/1.1 request.' });
}
