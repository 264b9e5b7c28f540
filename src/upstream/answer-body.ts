import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { freeChunk, isLast, isUnshared } from './free-chunk.ts';

interface AnswerBodyOptions {
  readonly res: ServerResponse;
  /** Milliseconds that a client may take nothing of its answer. */
  readonly sendTimeoutMs: number;
}

/** The body of an answer on its way to the client: it comes as fast as the client takes it, and lies nowhere. */
export class AnswerBody {
  readonly #res: ServerResponse;
  readonly #sendTimeoutMs: number;
  #hasBegun: boolean = false;
  /** What was read from the upstream and has not been passed on to its end; nobody else has a part of it. */
  #read: ArrayBufferLike | undefined;
  /** Runs while the client takes nothing. */
  #patience: NodeJS.Timeout | undefined;

  constructor({ res, sendTimeoutMs }: AnswerBodyOptions) {
    this.#res = res;
    this.#sendTimeoutMs = sendTimeoutMs;
  }

  /** Whether the next byte has to be taken by the client, and not to come from the upstream. */
  isWaitingForClient(): boolean {
    return this.#patience !== undefined;
  }

  /** Node keeps a head back until there is a body to send with it, and an event stream may have none for minutes. */
  begin(): void {
    queueMicrotask(() => {
      // Not flushHeaders(), which sends the head as UTF-8: bytes beyond ASCII would become others.
      if (!this.#hasBegun && !this.#res.writableEnded && !this.#res.destroyed) this.#res.write('', 'latin1');
    });
  }

  write(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#hasBegun = true;
    const res = this.#res;
    if (isUnshared(chunk)) this.#read = chunk.buffer;
    const isRead = chunk.buffer === this.#read && isLast(chunk);
    const isTaken = isRead ? res.write(chunk, () => freeChunk(chunk)) : res.write(chunk);
    // Node collects what is written until the next tick, and then asks for a pause after each chunk that fills its buffer.
    // Most often the kernel takes a large one at once, and there is nothing to wait for.
    if (isRead) res.socket?.uncork();
    if (isTaken || (res.writableNeedDrain && res.writableLength === 0)) return;
    // A client that reads slowly slows the upstream down; it costs no memory and moves no deadline of the upstream's.
    controller.pause();
    // What had been read when the upstream closed its connection still comes, in spite of the pause.
    if (this.#patience !== undefined) return;
    this.#wait();
    res.once('drain', () => {
      this.close();
      controller.resume();
    });
  }

  end(): void {
    this.#hasBegun = true;
    this.#res.end();
    // What is left for the client to take.
    if (this.#res.writableLength > 0) this.#wait();
  }

  /** Cut, never ended: an answer that broke off must not look complete. */
  cut(): void {
    this.close();
    const { chunkedEncoding, socket } = this.#res;
    // To a client of HTTP/1.0 the end of the connection is the end of the body. Only a reset tells it otherwise.
    if (!chunkedEncoding && !this.#res.hasHeader('content-length')) socket?.resetAndDestroy();
    this.#res.destroy();
  }

  /** Waits for nobody any more. */
  close(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #wait(): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.cut(), this.#sendTimeoutMs);
  }
}
