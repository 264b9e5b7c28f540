import { closeSync, openSync } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { appendLines } from './line-append.ts';

interface LineFileOptions {
  readonly path: string;
  /** Called once when the file can't be written to, and not again before it could be. */
  readonly onFailure: (reason: string) => void;
  /** Called when it can be written to again, with the number of lines for which there was no room meanwhile. */
  readonly onRecovery: (lostLines: number) => void;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
  readonly device: bigint;
}

/** A write of this length is not put off; a shorter one waits for company. */
const FLUSH_LENGTH = 65_536;
const FLUSH_INTERVAL_MS = 50;

/** Lines name people and their addresses: they are for the gateway's user and its group. */
const MODE = 0o640;

/** While the file can't be written to, as much as this waits: some 10,000 lines. What comes on top is lost, and counted. */
const MAX_WAITING_LENGTH = 4_194_304;
const RETRY_INTERVAL_MS = 1000;

/**
 * A log file that several processes append to. Lines are collected and written in one call that ends at a line's end,
 * to a file opened for appending: so no line of one worker lands within another's, and a line costs little.
 * Rotation needs no signal: before each write it is made sure that the path still leads to the file that is open.
 * @throws {Error} at once if the file can't be opened; later failures only reach `onFailure`
 */
export class LineFile {
  readonly #options: LineFileOptions;
  #file: OpenFile | undefined;
  #waiting = '';
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isFailing: boolean = false;
  #lost = 0;
  #lostBefore = 0;

  constructor(options: LineFileOptions) {
    this.#options = options;
    closeSync(openSync(options.path, 'a', MODE));
  }

  /** Takes one line, its line break included. Never waits and never throws: a request must not suffer from its log line. */
  append(line: string): void {
    if (this.#waiting.length >= MAX_WAITING_LENGTH) {
      this.#lost++;
      return;
    }
    this.#waiting += line;
    this.#schedule();
  }

  /** Whether the last attempt to write to it was in vain. */
  isFailing(): boolean {
    return this.#isFailing;
  }

  /** Lines that were lost since the start because there was no room for them. */
  lostLines(): number {
    return this.#lostBefore + this.#lost;
  }

  /**
   * Resolves when every line is in the file.
   * @throws {Error} if some can't be written
   */
  async close(): Promise<void> {
    do {
      await (this.#writing ?? this.#flush());
    } while (this.#writing !== undefined || (this.#waiting !== '' && !this.#isFailing));
    clearTimeout(this.#timer);
    await this.#file?.handle.close();
    if (this.#waiting === '') return;
    throw new Error(`log lines could not be written to ${this.#options.path}, and ${this.#lost} had been lost before`);
  }

  #schedule(): void {
    // Whoever is writing comes back here.
    if (this.#writing !== undefined || this.#waiting === '') return;
    if (this.#isFailing) this.#timer ??= this.#flushIn(RETRY_INTERVAL_MS);
    else if (this.#waiting.length < FLUSH_LENGTH) this.#timer ??= this.#flushIn(FLUSH_INTERVAL_MS);
    else void this.#flush();
  }

  #flushIn(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => void this.#flush(), milliseconds).unref();
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#write().then(() => {
      this.#writing = undefined;
      this.#schedule();
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    let lines: Buffer = Buffer.from(this.#waiting);
    this.#waiting = '';
    try {
      lines = await appendLines(await this.#fileAtPath(), lines);
      if (lines.length > 0) throw new Error('there is no room for more');
      this.#succeed();
    } catch (error) {
      this.#waiting = lines.toString() + this.#waiting;
      this.#fail(error);
    }
  }

  /**
   * The file that the path leads to, opened anew if that is another one than before: it has been rotated, or deleted.
   * A write that is under way while it is renamed lands in the renamed file.
   */
  async #fileAtPath(): Promise<FileHandle> {
    const { path } = this.#options;
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    const current = this.#file;
    if (current !== undefined && found?.ino === current.inode && found.dev === current.device) return current.handle;
    await mkdir(dirname(path), { recursive: true });
    // Readable too, because what was written in part is compared before it is taken back.
    const handle = await open(path, 'a+', MODE);
    const { ino, dev } = await handle.stat({ bigint: true });
    this.#file = { handle, inode: ino, device: dev };
    await current?.handle.close();
    return handle;
  }

  #fail(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.onFailure(error instanceof Error ? error.message : String(error));
  }

  #succeed(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    const lost = this.#lost;
    this.#lostBefore += lost;
    this.#lost = 0;
    this.#options.onRecovery(lost);
  }
}
