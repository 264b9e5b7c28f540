import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { freeChunk, isLast, isUnshared } from './free-chunk.ts';

interface AnswerBodyOptions {
  readonly res: ServerResponse;
  /** Milliseconds that a client may take nothing of its answer. */
  readonly sendTimeoutMs: number;
}

interface FirstChunk {
  readonly chunk: Buffer;
  readonly controller: Dispatcher.DispatchController;
}

/** Longer ones gain nothing by being written together with the head. */
const MAX_KEPT_BYTES = 4096;

/** The body of an answer on its way to the client: it comes as fast as the client takes it, and lies nowhere. */
export class AnswerBody {
  readonly #res: ServerResponse;
  readonly #sendTimeoutMs: number;
  #hasBegun: boolean = false;
  #hasLength: boolean = false;
  /** The first chunk of a body, until it is known whether it is all of it: then head and body are one write. */
  #first: FirstChunk | undefined;
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

  /**
   * Behind the head. Node keeps that back until there is a body to send with it, and an event stream may have none for minutes.
   * @param hasLength whether the head says how long the body is
   */
  begin({ hasLength }: { hasLength: boolean }): void {
    this.#hasLength = hasLength;
    queueMicrotask(() => {
      if (this.#res.writableEnded || this.#res.destroyed) return;
      if (this.#first !== undefined) this.#writeFirst(this.#first);
      // Not flushHeaders(), which sends the head as UTF-8: bytes beyond ASCII would become others.
      else if (!this.#hasBegun) this.#res.write('', 'latin1');
      // What comes from now on comes by itself, and waits for nothing.
      this.#hasBegun = true;
    });
  }

  write(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    if (this.#first !== undefined) this.#writeFirst(this.#first);
    else if (!this.#hasBegun && chunk.length <= MAX_KEPT_BYTES) {
      this.#hasBegun = true;
      this.#first = { chunk, controller };
      return;
    }
    this.#hasBegun = true;
    this.#write(chunk, controller);
  }

  #writeFirst({ chunk, controller }: FirstChunk): void {
    this.#first = undefined;
    this.#write(chunk, controller);
  }

  #write(chunk: Buffer, controller: Dispatcher.DispatchController): void {
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
    // As text of bytes, which Node joins with the head. Of a buffer it would make a second piece.
    if (this.#first !== undefined) this.#res.end(this.#first.chunk.toString('latin1'), 'latin1');
    else this.#res.end();
    this.#first = undefined;
    // What is left for the client to take.
    if (this.#res.writableLength > 0) this.#wait();
  }

  /** Cut, never ended: an answer that broke off must not look complete. */
  cut(): void {
    this.close();
    this.#first = undefined;
    const { chunkedEncoding, socket } = this.#res;
    // To a client of HTTP/1.0 the end of the connection is the end of the body. Only a reset tells it otherwise.
    if (!chunkedEncoding && !this.#hasLength) socket?.resetAndDestroy();
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
