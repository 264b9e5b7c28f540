const CONTROL = 0x8;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** Continuation, text, binary, close, ping, pong. */
const OPCODES: ReadonlySet<number> = new Set([0x0, 0x1, 0x2, CLOSE, PING, PONG]);

/** Longest payload of a control frame. @see RFC 6455 §5.5 */
const MAX_CONTROL_BYTES = 125;

/**
 * Follows the frames of one direction by their headers alone, and keeps nothing of them. A class because a frame may begin
 * in one chunk and end in another.
 * @see RFC 6455 §5.2
 */
export class FrameTracker {
  /** Whether the bytes so far end with a frame, so that another one may be put behind them. */
  isBetweenFrames: boolean = true;
  /** Whether a whole close frame has come. */
  hasClosed: boolean = false;
  /** In the last chunk: where its first frame ends, or -1. */
  firstEnd: number = -1;
  /** In the last chunk: whether a ping began. */
  hasPing: boolean = false;
  /** In the last chunk: whether there was anything but pongs, which only answer. */
  isActive: boolean = false;
  readonly #isMasked: boolean;
  #part: 'opcode' | 'length' | 'more' | 'payload' = 'opcode';
  #opcode: number = 0;
  #lengthBytesLeft: number = 0;
  #maskBytesLeft: number = 0;
  #payloadBytesLeft: number = 0;

  /** @param isMasked as the frames of clients are, and those of servers are not */
  constructor({ isMasked }: { isMasked: boolean }) {
    this.#isMasked = isMasked;
  }

  /** Reads a chunk. False if it can't be WebSocket frames; nothing behind it means anything then. */
  read(chunk: Buffer): boolean {
    this.firstEnd = -1;
    this.hasPing = false;
    this.isActive = false;
    let at = 0;
    while (at < chunk.length) {
      if (this.#part === 'payload') {
        const taken = Math.min(this.#payloadBytesLeft, chunk.length - at);
        at += taken;
        this.#payloadBytesLeft -= taken;
      } else if (!this.#readHeaderByte(chunk.readUInt8(at++))) {
        return false;
      }
      if (this.#opcode !== PONG) this.isActive = true;
      if (this.#part === 'payload' && this.#payloadBytesLeft === 0) this.#endFrame(at);
    }
    return true;
  }

  #readHeaderByte(byte: number): boolean {
    if (this.#part === 'opcode') return this.#readOpcode(byte);
    if (this.#part === 'length') return this.#readLength(byte);
    if (this.#lengthBytesLeft > 0) {
      this.#lengthBytesLeft--;
      this.#payloadBytesLeft = this.#payloadBytesLeft * 256 + byte;
    } else {
      this.#maskBytesLeft--;
    }
    return this.#endHeader();
  }

  #readOpcode(byte: number): boolean {
    const isFinal = byte >= 0x80;
    this.#opcode = byte & 0x0f;
    this.#part = 'length';
    this.isBetweenFrames = false;
    if (this.#opcode === PING) this.hasPing = true;
    // Nothing may come behind a close frame, and control frames come whole.
    return OPCODES.has(this.#opcode) && !this.hasClosed && (isFinal || this.#opcode < CONTROL);
  }

  #readLength(byte: number): boolean {
    const length = byte & 0x7f;
    if (byte >= 0x80 !== this.#isMasked || (this.#opcode >= CONTROL && length > MAX_CONTROL_BYTES)) return false;
    this.#lengthBytesLeft = length === 126 ? 2 : length === 127 ? 8 : 0;
    this.#maskBytesLeft = this.#isMasked ? 4 : 0;
    this.#payloadBytesLeft = this.#lengthBytesLeft > 0 ? 0 : length;
    this.#part = 'more';
    return this.#endHeader();
  }

  /** The first bit of eight must be zero; and what JavaScript can't count, nobody sends. */
  #endHeader(): boolean {
    if (this.#lengthBytesLeft + this.#maskBytesLeft === 0) this.#part = 'payload';
    return Number.isSafeInteger(this.#payloadBytesLeft);
  }

  #endFrame(at: number): void {
    this.#part = 'opcode';
    this.isBetweenFrames = true;
    if (this.firstEnd === -1) this.firstEnd = at;
    if (this.#opcode === CLOSE) this.hasClosed = true;
  }
}
