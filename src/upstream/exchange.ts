import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { UpstreamSettings } from '../config/schema.ts';
import { contextOf, isExpectingContinue, type UpstreamTrace } from '../context.ts';
import { fromUpstreamError } from '../problem/from-upstream-error.ts';
import { Problem } from '../problem/problem.ts';
import { writeAnswerHead } from './answer-headers.ts';
import { type BoundedBody, boundedBody } from './bounded-body.ts';
import type { Outcome } from './forward.ts';

/** What one exchange needs: both ends of the client's request, and whom to tell how it went. */
export interface ExchangeOptions {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly settings: UpstreamSettings;
  readonly clock: () => number;
  /** Whether every connection that the pool may have is busy. */
  readonly isFull: () => boolean;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** One request to the upstream, from dispatch to the last byte. A class because undici calls it back some ten times. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly path: string;
  readonly body: BoundedBody;
  readonly #options: ExchangeOptions;
  readonly #trace: UpstreamTrace;
  readonly #startedAt: number;
  readonly #deadline: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #hasBody: boolean = false;
  #phase: 'queued' | 'sending' | 'waiting' | 'streaming' | 'over' = 'queued';

  constructor(options: ExchangeOptions) {
    const { req, res, settings, clock } = options;
    const { route, query, upstream } = contextOf(req);
    this.#options = options;
    this.#trace = upstream ?? { name: settings.url };
    this.#startedAt = clock();
    this.path = (route?.upstreamPath ?? '/') + query;
    this.body = boundedBody(req, route?.settings.maxBodyBytes ?? 0);
    this.#deadline = setTimeout(() => this.#onDeadline(), settings.headTimeoutMs);
    res.once('close', () => this.#onClientClose());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#phase === 'over') return controller.abort(new Error('nobody waits for this any more'));
    this.#phase = 'sending';
    const { req, res } = this.#options;
    // Only now, behind every check and with a connection in hand, is the client asked for its body.
    if (isExpectingContinue(req) && !res.writableEnded) res.writeContinue();
  }

  onBodySent(): void {
    // An upload may take its time as long as the upstream goes on reading it.
    if (this.#phase === 'sending') this.#deadline.refresh();
  }

  onRequestSent(): void {
    if (this.#phase !== 'sending') return;
    this.#phase = 'waiting';
    this.#deadline.refresh();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#phase === 'over') return controller.abort(new Error('nobody waits for this any more'));
    if (status >= 100 && status < 200) return;
    const { req, res, settings, clock, resolve } = this.#options;
    try {
      if (status < 100 || status > 599) throw new RangeError(`status ${status}`);
      // What is left of the body will not be read, so the connection can't carry another request.
      if (!req.complete) res.shouldKeepAlive = false;
      const prefix = contextOf(req).route?.settings.stripPrefix ?? '';
      writeAnswerHead(res, { status, headers, origin: settings.url, prefix });
    } catch (cause) {
      this.fail(new Problem('upstream_protocol_error', { cause }));
      return controller.abort(new Error('the response head was not valid'));
    }
    clearTimeout(this.#deadline);
    this.#phase = 'streaming';
    this.#trace.status = status;
    this.#trace.headMs = clock() - this.#startedAt;
    resolve({ status });
    // Node keeps a head back until there is a body to send with it, and an event stream may have none for minutes.
    queueMicrotask(() => {
      if (!this.#hasBody && this.#phase === 'streaming') res.flushHeaders();
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#hasBody = true;
    const { res } = this.#options;
    if (this.#phase !== 'streaming' || res.write(chunk)) return;
    // A client that reads slowly slows the upstream down; it costs no memory and moves no deadline.
    controller.pause();
    res.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    if (this.#phase !== 'streaming') return;
    this.#phase = 'over';
    this.#options.res.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#phase !== 'streaming') return this.fail(error);
    this.#phase = 'over';
    this.#trace.isTruncated = true;
    // Cut, never ended: an answer that broke off must not look complete.
    this.#options.res.destroy();
  }

  /** Settles without an answer. Later events of the exchange change nothing. */
  fail(error: unknown): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    clearTimeout(this.#deadline);
    this.#options.reject(fromUpstreamError(error));
  }

  #onDeadline(): void {
    // A client that is slow to send is not a slow upstream. The server's own request timeout looks after it.
    if (this.#phase === 'sending' && this.body.isWaitingForClient()) {
      this.#deadline.refresh();
      return;
    }
    this.#abandon(this.#phase === 'queued' ? this.#whyQueued() : new Problem('upstream_response_timeout'));
  }

  /** A pool whose connections are all busy says nothing about the health of the upstream. */
  #whyQueued(): Problem {
    return this.#options.isFull()
      ? new Problem('overloaded', { retryAfterSeconds: 1 })
      : new Problem('upstream_connect_timeout');
  }

  #onClientClose(): void {
    if (!this.#options.res.writableFinished) this.#abandon(new Problem('client_closed'));
  }

  /** Stops the work at the upstream too: an answer that nobody waits for costs it time and us a connection. */
  #abandon(problem: Problem): void {
    if (this.#phase === 'streaming') this.#phase = 'over';
    else this.fail(problem);
    this.#controller?.abort(problem);
  }
}
