import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { contextOf, isExpectingContinue, type UpstreamTrace } from '../context.ts';
import { fromUpstreamError } from '../problem/from-upstream-error.ts';
import { Problem } from '../problem/problem.ts';
import { AnswerBody } from './answer-body.ts';
import { writeAnswerHead } from './answer-headers.ts';
import { answerUpgrade, type WebSocketPart } from './answer-upgrade.ts';
import { type Call, callOf } from './call.ts';
import { Deadline } from './deadline.ts';
import { passEarlyHints } from './early-hints.ts';
import type { Outcome } from './forward.ts';
import { announcedTrailers, passedTrailers } from './trailers.ts';

/** A service that sends more of them before its answer is not answering. */
const MAX_INTERIM_ANSWERS = 100;

/** What one exchange needs: both ends of the client's request, and whom to tell how it went. */
export interface ExchangeOptions {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Of the instance. */
  readonly origin: string;
  /** Milliseconds that a client may take nothing of its answer. */
  readonly sendTimeoutMs: number;
  readonly clock: () => number;
  readonly webSockets: WebSocketPart;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
  /** The answer has ended: whole, or broken off by the upstream after its head. */
  readonly onAnswered: (isWhole: boolean) => void;
  /** Its connection has become a WebSocket, and is none of the pool's any more. */
  readonly onUpgraded: () => void;
  /** The last event, once. */
  readonly onOver: (wasUpgraded: boolean) => void;
}

/** One request to the upstream, from dispatch to the last byte. A class because undici calls it back some ten times. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly path: string;
  readonly body: Call['body']['content'];
  /** Longest wait for the head once the request has been sent, in milliseconds. */
  readonly headMs: number;
  readonly idleMs: number;
  readonly #options: ExchangeOptions;
  readonly #call: Call;
  readonly #trace: UpstreamTrace;
  readonly #startedAt: number;
  readonly #deadline: Deadline;
  #controller: Dispatcher.DispatchController | undefined;
  readonly #answer: AnswerBody;
  #trailers: readonly string[] = [];
  #interimAnswers: number = 0;
  #isUpgraded: boolean = false;
  #phase: 'queued' | 'sending' | 'waiting' | 'streaming' | 'over' = 'queued';

  constructor(options: ExchangeOptions) {
    const { req, res, clock, origin } = options;
    const { route, query, upstream } = contextOf(req);
    const call = callOf(req);
    this.#options = options;
    this.#call = call;
    this.#trace = upstream ?? { name: origin };
    this.#startedAt = clock();
    this.#answer = new AnswerBody(options);
    this.#deadline = new Deadline({ clock, onPassed: () => this.#onDeadline() });
    this.path = (route?.upstreamPath ?? '/') + query;
    this.body = call.body.content;
    this.headMs = Math.min(call.timeouts.headMs, call.tryMs, this.#leftMs());
    this.idleMs = call.timeouts.idleMs;
    res.once('close', () => this.#onClientClose());
  }

  /** Most requests have a connection at once. Only one that has not needs a deadline for it. */
  dispatched(): void {
    if (this.#phase === 'queued') this.#deadline.set(Math.min(this.#call.timeouts.connectMs, this.#leftMs()));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#phase === 'over') return controller.abort(new Error('nobody waits for this any more'));
    this.#phase = 'sending';
    this.#deadline.set(Math.min(this.headMs, this.#leftMs()));
    const { req, res } = this.#options;
    // Only now, behind every check and with a connection in hand, is the client asked for its body.
    if (isExpectingContinue(req) && !res.writableEnded) res.writeContinue();
  }

  onBodySent(): void {
    // An upload may take its time as long as the upstream goes on reading it.
    if (this.#phase === 'sending') this.#renewDeadline();
  }

  onRequestSent(): void {
    if (this.#phase !== 'sending') return;
    this.#phase = 'waiting';
    this.#renewDeadline();
  }

  /** The first byte of an answer, or of an interim one. */
  onResponseStarted(): void {
    this.#call.hasAnswerBegun = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#phase === 'over') return controller.abort(new Error('nobody waits for this any more'));
    if (status >= 100 && status < 200) return this.#onInterim(status, headers);
    const { req, res, origin, clock, resolve } = this.#options;
    try {
      if (status < 100 || status > 599) throw new RangeError(`status ${status}`);
      // What is left of the body will not be read, so the connection can't carry another request.
      if (!req.complete) res.shouldKeepAlive = false;
      const prefix = contextOf(req).route?.settings.stripPrefix ?? '';
      this.#trailers = announcedTrailers(res, { status, headers });
      writeAnswerHead(res, { status, headers, origin, prefix, trailers: this.#trailers });
    } catch (cause) {
      return this.#abandon(new Problem('upstream_protocol_error', { cause }));
    }
    this.#phase = 'streaming';
    this.#deadline.set(this.#leftMs());
    this.#trace.status = status;
    this.#trace.headMs = clock() - this.#startedAt;
    resolve({ status });
    this.#answer.begin({ hasLength: headers['content-length'] !== undefined });
  }

  #onInterim(status: number, headers: IncomingHttpHeaders): void {
    if (++this.#interimAnswers > MAX_INTERIM_ANSWERS) {
      this.#abandon(new Problem('upstream_protocol_error', { cause: new Error('interim answers without end') }));
    } else if (status === 103) passEarlyHints(this.#options.req, this.#options.res, headers);
  }

  /** It goes on for as long as the two ends like: no deadline of a request is its. */
  onRequestUpgrade(_controller: unknown, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    if (this.#phase === 'over') return void socket.destroy();
    const { req, res, origin, webSockets, clock, resolve, onUpgraded } = this.#options;
    try {
      answerUpgrade(req, res, { headers, socket, origin, webSockets });
    } catch (cause) {
      socket.destroy();
      return this.fail(new Problem('upstream_protocol_error', { cause }));
    }
    this.#phase = 'streaming';
    this.#isUpgraded = true;
    onUpgraded();
    this.#deadline.set(Number.POSITIVE_INFINITY);
    this.#trace.status = status;
    this.#trace.headMs = clock() - this.#startedAt;
    resolve({ status });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase === 'streaming') this.#answer.write(chunk, controller);
  }

  onResponseEnd(_controller: unknown, trailers: IncomingHttpHeaders): void {
    if (this.#phase !== 'streaming') return;
    this.#end();
    this.#options.onAnswered(true);
    if (this.#trailers.length > 0) this.#options.res.addTrailers(passedTrailers(this.#trailers, trailers));
    this.#answer.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#phase === 'streaming') this.#truncate();
    else this.fail(error);
  }

  /** Settles without an answer. Later events of the exchange change nothing. */
  fail(error: unknown): void {
    if (this.#phase === 'over') return;
    this.#end();
    this.#options.reject(fromUpstreamError(error));
  }

  /** Cut, never ended: an answer that broke off must not look complete. */
  #truncate(): void {
    this.#end();
    this.#trace.isTruncated = true;
    this.#options.onAnswered(false);
    this.#answer.cut();
  }

  #onDeadline(): void {
    if (this.#phase === 'streaming') return this.#onTotalInBody();
    // A client that is slow to send is not a slow upstream. The server's own request timeout looks after it.
    if (this.#phase === 'sending' && this.#call.body.isWaitingForClient()) {
      if (this.#leftMs() > 0) return this.#deadline.set(Math.min(this.headMs, this.#leftMs()));
      return this.#abandon(new Problem('invalid_request', { detail: 'The request was not complete in time.' }));
    }
    this.#abandon(new Problem(this.#phase === 'queued' ? 'upstream_connect_timeout' : 'upstream_response_timeout'));
  }

  /** The whole call has taken too long. Whose fault it is shows in who is waited for. */
  #onTotalInBody(): void {
    if (!this.#answer.isWaitingForClient()) this.#truncate();
    else this.#abandon(new Problem('client_closed'));
    this.#answer.cut();
    this.#controller?.abort(new Problem('upstream_response_timeout'));
  }

  #onClientClose(): void {
    this.#answer.close();
    if (!this.#options.res.writableFinished) this.#abandon(new Problem('client_closed'));
  }

  /** Stops the work at the upstream too: an answer that nobody waits for costs it time and us a connection. */
  #abandon(problem: Problem): void {
    if (this.#phase === 'streaming') this.#end();
    else this.fail(problem);
    this.#controller?.abort(problem);
  }

  #end(): void {
    this.#phase = 'over';
    this.#deadline.clear();
    this.#answer.close();
    this.#options.onOver(this.#isUpgraded);
  }

  #leftMs(): number {
    return this.#call.endsAt - this.#options.clock();
  }

  /** The whole time for the head again, but never more than is left of the call. */
  #renewDeadline(): void {
    this.#deadline.renew(Math.min(this.headMs, this.#leftMs()));
  }
}
