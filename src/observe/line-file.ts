import { closeSync, openSync, write } from 'node:fs';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';

const writeAsync = promisify(write);

/** A write of this size is sent at once; a smaller one waits for company. */
const FLUSH_BYTES = 65_536;
const FLUSH_INTERVAL_MS = 50;

/**
 * A log file that several processes append to. Lines are collected and written in one call that ends at a line's end,
 * to a file opened for appending: so no line of one worker lands within another's, and a line costs little.
 * @throws {Error} at once if the file can't be opened
 */
export class LineFile extends Writable {
  readonly #file: number;
  #lines = '';
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string) {
    super({ decodeStrings: false });
    this.#file = openSync(path, 'a');
  }

  override _write(line: string, _encoding: BufferEncoding, done: () => void): void {
    this.#lines += line;
    if (this.#lines.length >= FLUSH_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_INTERVAL_MS).unref();
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#flush();
    this.#writing.then(() => {
      closeSync(this.#file);
      done();
    }, done);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = Buffer.from(this.#lines);
    this.#lines = '';
    this.#writing = this.#writing.then(() => this.#append(batch));
  }

  async #append(batch: Buffer): Promise<void> {
    try {
      for (let offset = 0; offset < batch.length; ) {
        offset += (await writeAsync(this.#file, batch, offset)).bytesWritten;
      }
    } catch (error) {
      // A full disk must not stop the gateway; the console still tells.
      console.error(`can't write log lines: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
