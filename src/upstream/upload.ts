import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Problem } from '../problem/problem.ts';
import { giveAway } from './free-chunk.ts';

interface UploadOptions {
  readonly maxBytes: number;
  /** What it fails with once it exceeds them. */
  readonly tooLarge: () => Problem;
}

/**
 * The body of a request as a stream of its own. Never the request itself: the transport destroys what it could not send,
 * and with it the client's connection. Not a pipe either, whose two ends cost more than the rest of an upload.
 */
export class Upload extends Readable {
  readonly #req: IncomingMessage;
  readonly #options: UploadOptions;
  #bytes: number = 0;
  #hasBegun: boolean = false;

  constructor(req: IncomingMessage, options: UploadOptions) {
    super();
    this.#req = req;
    this.#options = options;
  }

  override _read(): void {
    if (this.#hasBegun) return void this.#req.resume();
    this.#hasBegun = true;
    this.#req.on('data', this.#onData).once('end', this.#onEnd);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#req.off('data', this.#onData).off('end', this.#onEnd);
    // The rest is not taken: whoever refuses the request decides what becomes of it.
    if (this.#hasBegun && !this.#req.complete) this.#req.pause();
    done(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.maxBytes) return void this.destroy(this.#options.tooLarge());
    giveAway(chunk);
    if (!this.push(chunk)) this.#req.pause();
  };

  readonly #onEnd = (): void => void this.push(null);
}
