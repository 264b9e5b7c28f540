import type { Duplex } from 'node:stream';
import type { WebSocketEnd } from '../context.ts';
import { closeFrame, maskedCloseFrame, type OwnEnd, ping } from './control-frames.ts';
import { FrameTracker } from './frame-tracker.ts';

/** How long either end may take to close after we have asked it to. */
const CLOSING_MS = 2000;

/** How long the two may take to close after one of them has begun to. */
const PEERS_CLOSING_MS = 30_000;

/** How long an ended connection may take to pass on its last bytes. */
const LINGER_MS = 1000;

/** As much may lie between us and a client that reads slowly: it has not yet seen a ping behind that. */
const IN_FLIGHT_BYTES = 65_536;

export interface TunnelOptions {
  readonly client: Duplex;
  readonly upstream: Duplex;
  /** A client that has been silent for so long is sent a ping; one that does not answer it in as long a time is gone. */
  readonly pingIntervalMs: number;
  /** It is closed when nothing but pongs has come from either end for so long. */
  readonly idleTimeoutMs: number;
  /** Reading of the clock at which its caller's credential ends; infinite if it doesn't. */
  readonly expiresAt: number;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** Once, as soon as it is known why it ends, and before the client's connection closes. */
  readonly onEnd: (reason: WebSocketEnd) => void;
  /** Once, after that: nothing is passed on any more. */
  readonly onOver: () => void;
}

/** One end, with what it has sent and what it is to be sent between two frames of the other. */
interface End {
  readonly stream: Duplex;
  /** Of the frames that come from it. */
  readonly frames: FrameTracker;
  due: Buffer | undefined;
  /** Whether it has been told to close, or will be with what is due: nothing may follow that. */
  isToldToClose: boolean;
  isGone: boolean;
}

/**
 * Carries the frames of a WebSocket between a client and its service, each chunk as it comes: an end that reads slowly
 * slows the other down, and no more than a chunk and the buffer of a socket is ever held for it. Knowing where frames
 * end, it can speak to both in their own language. A class because it has a life: open, closing, over.
 * @see docs/adr/0012-websockets-through-the-same-pipeline.md
 */
export class Tunnel {
  readonly #options: TunnelOptions;
  readonly #client: End;
  readonly #upstream: End;
  #reason: WebSocketEnd | undefined;
  #closingEndsAt: number = Number.POSITIVE_INFINITY;
  #isOver: boolean = false;
  #activeAt: number;
  /** When the client last showed that it is there, by sending or by taking what it is sent. */
  #aliveAt: number;
  /** When we last wanted to know whether the client is there, or the service has asked it. */
  #askedAt: number = Number.NEGATIVE_INFINITY;
  /** When the first ping went out that it has not answered; before `#aliveAt` if there is none. */
  #pingedAt: number = Number.NEGATIVE_INFINITY;
  #bytesSinceAlive: number = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#client = endOf(options.client, { isMasked: true });
    this.#upstream = endOf(options.upstream, { isMasked: false });
    this.#activeAt = options.clock();
    this.#aliveAt = this.#activeAt;
    this.#connect(this.#client, this.#upstream);
    this.#connect(this.#upstream, this.#client);
    options.client.on('drain', () => this.#onAlive());
    this.#check();
  }

  /** Tells both ends to close, and why. It is over when they have agreed, or after a short while. */
  close(reason: OwnEnd): void {
    if (this.#reason !== undefined) return;
    this.#report(reason);
    this.#tellToClose(this.#client, closeFrame(reason));
    this.#tellToClose(this.#upstream, maskedCloseFrame(reason));
    this.#closingEndsAt = this.#options.clock() + CLOSING_MS;
    this.#check();
  }

  /** Ends both connections at once. */
  cut(): void {
    this.#client.stream.destroy();
    this.#upstream.stream.destroy();
  }

  #connect(from: End, to: End): void {
    const { stream } = from;
    // Whatever goes wrong with a connection, it closes; and an error that nobody listens for would end the process.
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => this.#onData({ from, to, chunk }));
    stream.on('end', () => this.#onGone(from));
    // First, so that whoever else waits for the end of the connection can know why it came.
    stream.prependListener('close', () => this.#onGone(from));
    to.stream.on('drain', () => stream.resume());
    stream.resume();
  }

  #onData({ from, to, chunk }: { from: End; to: End; chunk: Buffer }): void {
    if (this.#isOver || from.frames.hasClosed) return;
    if (!from.frames.read(chunk)) return this.#end('protocol_error');
    if (from === this.#client) this.#onAlive();
    else this.#bytesSinceAlive += chunk.length;
    const now = this.#options.clock();
    if (from.frames.isActive) this.#activeAt = now;
    // The service asks by itself whether the client is there, and a client may answer only the last who asks.
    if (from === this.#upstream && from.frames.hasPing) this.#onPinged();
    this.#pass({ from, to, chunk });
    if (to.stream.writableNeedDrain) from.stream.pause();
    if (from.frames.hasClosed) this.#onClosed(from);
  }

  #pass({ from, to, chunk }: { from: End; to: End; chunk: Buffer }): void {
    const { due } = to;
    if (to.isToldToClose && due === undefined) return;
    const { hasClosed, firstEnd } = from.frames;
    // The other end's own close frame is the last that it may be sent.
    if (hasClosed || due === undefined || firstEnd === -1) return void to.stream.write(chunk);
    to.stream.write(chunk.subarray(0, firstEnd));
    to.stream.write(due);
    to.due = undefined;
    if (to.isToldToClose) return;
    this.#onPinged();
    to.stream.write(chunk.subarray(firstEnd));
  }

  /** A control frame of ours goes between two frames of the other end. False if it has to wait for that. */
  #interject(to: End, frame: Buffer): boolean {
    const { isBetweenFrames } = this.#otherThan(to).frames;
    if (isBetweenFrames) to.stream.write(frame);
    else to.due = frame;
    return isBetweenFrames;
  }

  #tellToClose(to: End, frame: Buffer): void {
    // The other end has done it.
    if (this.#otherThan(to).frames.hasClosed) return;
    this.#interject(to, frame);
    to.isToldToClose = true;
  }

  /** An end has sent its close frame, by itself or because it was told to. */
  #onClosed(from: End): void {
    if (from.isToldToClose) from.stream.end();
    const haveBoth = this.#client.frames.hasClosed && this.#upstream.frames.hasClosed;
    // Otherwise the service ends the connection: it is the server of the two. @see RFC 6455 §7.1.1
    const patienceMs = haveBoth ? CLOSING_MS : PEERS_CLOSING_MS;
    this.#closingEndsAt = Math.min(this.#closingEndsAt, this.#options.clock() + patienceMs);
    this.#check();
  }

  #onAlive(): void {
    this.#aliveAt = this.#options.clock();
    this.#bytesSinceAlive = 0;
  }

  #onPinged(): void {
    this.#askedAt = this.#options.clock();
    if (this.#pingedAt <= this.#aliveAt) this.#pingedAt = this.#askedAt;
  }

  #onGone(end: End): void {
    if (end.isGone) return;
    end.isGone = true;
    const other = this.#otherThan(end);
    // It has just been told, and has some time to answer.
    const isOtherClosing = this.#reason !== undefined && !other.frames.hasClosed && !other.isGone;
    if (isOtherClosing && !this.#isOver) return endStream(end.stream, { isPolite: false });
    const isAgreed = this.#client.frames.hasClosed || this.#upstream.frames.hasClosed;
    this.#end(isAgreed ? 'closed' : end === this.#client ? 'client_left' : 'upstream_left');
  }

  /** Does what is due, and comes back when the next thing may be. */
  #check(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    const { clock, pingIntervalMs, idleTimeoutMs, expiresAt } = this.#options;
    const now = clock();
    if (now >= this.#closingEndsAt) return this.#end('closed');
    if (this.#closingEndsAt < Number.POSITIVE_INFINITY) return this.#checkAt(this.#closingEndsAt);
    if (now >= expiresAt) return this.close('expired');
    if (now >= this.#activeAt + idleTimeoutMs) return this.close('idle');
    const answerDueAt = this.#pingedAt > this.#aliveAt ? this.#pingedAt + pingIntervalMs : Number.POSITIVE_INFINITY;
    if (now >= answerDueAt && this.#bytesSinceAlive < IN_FLIGHT_BYTES) return this.#end('unanswered_ping');
    if (now >= Math.max(this.#aliveAt, this.#askedAt) + pingIntervalMs) {
      this.#askedAt = now;
      if (this.#interject(this.#client, ping)) this.#onPinged();
    }
    const askAt = Math.max(this.#aliveAt, this.#askedAt) + pingIntervalMs;
    const nextAnswerAt = answerDueAt > now ? answerDueAt : askAt;
    this.#checkAt(Math.min(askAt, nextAnswerAt, this.#activeAt + idleTimeoutMs, expiresAt));
  }

  #checkAt(time: number): void {
    this.#timer = setTimeout(() => this.#check(), Math.max(1, time - this.#options.clock()));
  }

  #otherThan(end: End): End {
    return end === this.#client ? this.#upstream : this.#client;
  }

  /** The first reason is the one. */
  #report(reason: WebSocketEnd): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#options.onEnd(reason);
  }

  /** What has been passed on still arrives; a connection without a close frame then looks broken, as it is. */
  #end(reason: WebSocketEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#report(reason);
    this.#options.onOver();
    for (const end of [this.#client, this.#upstream]) {
      endStream(end.stream, { isPolite: end.isToldToClose || this.#otherThan(end).frames.hasClosed });
    }
  }
}

function endOf(stream: Duplex, { isMasked }: { isMasked: boolean }): End {
  return { stream, frames: new FrameTracker({ isMasked }), due: undefined, isToldToClose: false, isGone: false };
}

/** @param isPolite whether the other side knows, and gets the time to end it too */
function endStream(stream: Duplex, { isPolite }: { isPolite: boolean }): void {
  if (stream.destroyed) return;
  const cut = setTimeout(() => stream.destroy(), LINGER_MS);
  stream.once('close', () => clearTimeout(cut));
  stream.end(() => {
    if (!isPolite || stream.readableEnded) stream.destroy();
  });
  // Nobody reads it any more, but its end has to be seen.
  stream.resume();
}
