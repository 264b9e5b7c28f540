import { createCipheriv } from 'node:crypto';
import { Readable } from 'node:stream';

/** Which body it is: its bytes follow from both. */
export interface BodyId {
  /** Bodies of different seeds differ in every block, so that a byte of one that gets into another is noticed. */
  readonly seed: number;
  readonly bytes: number;
}

const BLOCK_BYTES = 65_536;
/** Seed and number of the block: blocks that are lost, doubled or in another order are noticed. */
const STAMP_BYTES = 8;

/** Without a pattern of its own, and the same in every process. */
const base = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16)).update(Buffer.alloc(BLOCK_BYTES));

/** A body as a stream: a GiB of it takes no memory. */
export function bodyStream(id: BodyId): Readable {
  return Readable.from(blocksOf(id), { objectMode: false, highWaterMark: 4 * BLOCK_BYTES });
}

function* blocksOf({ seed, bytes }: BodyId): Generator<Buffer> {
  for (let index = 0; index * BLOCK_BYTES < bytes; index++) {
    const block = Buffer.from(base);
    block.writeUInt32LE(seed, 0);
    block.writeUInt32LE(index, 4);
    yield block.subarray(0, Math.min(BLOCK_BYTES, bytes - index * BLOCK_BYTES));
  }
}

/** Compares what arrives with what was to arrive: as exact as a hash, and cheap enough not to be what is measured. */
export class BodyCheck {
  readonly #id: BodyId;
  readonly #stamp: Buffer = Buffer.alloc(STAMP_BYTES);
  #bytes: number = 0;
  #isWrong: boolean = false;

  constructor(id: BodyId) {
    this.#id = id;
  }

  add(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#isWrong; ) {
      const offset = this.#bytes % BLOCK_BYTES;
      const expected = offset < STAMP_BYTES ? this.#stampHere().subarray(offset) : base.subarray(offset);
      const length = Math.min(expected.length, chunk.length - at);
      this.#isWrong = chunk.compare(expected, 0, length, at, at + length) !== 0;
      this.#bytes += length;
      at += length;
    }
  }

  /** Whether it was this body, byte by byte, from the first to the last. */
  isWhole(): boolean {
    return !this.#isWrong && this.#bytes === this.#id.bytes;
  }

  #stampHere(): Buffer {
    this.#stamp.writeUInt32LE(this.#id.seed, 0);
    this.#stamp.writeUInt32LE(Math.floor(this.#bytes / BLOCK_BYTES), 4);
    return this.#stamp;
  }
}
