import type { Socket } from 'node:net';

/** Smaller ones are not worth the call. */
const MIN_BYTES = 8192;

/**
 * Gives the memory of a chunk back at once, without waiting for the garbage collector: that would let 64 MiB and more pile
 * up, and take as much time as the rest of a transfer. Only for a chunk that has been sent, and whose memory is its own or
 * was read to its end: the bytes are gone, and all others in that memory too.
 * @see docs/adr/0015-chunks-are-freed-when-they-are-sent.md
 */
export function freeChunk(chunk: Buffer): void {
  const { buffer } = chunk;
  if ('transfer' in buffer) buffer.transfer(0);
}

/** Whether a chunk is more than half of its memory: no buffer of those that Node lets share some is. */
export function isUnshared({ byteLength, buffer }: Buffer): boolean {
  return byteLength >= MIN_BYTES && byteLength > buffer.byteLength / 2;
}

/** Whether nothing stands behind a chunk in its memory: else it is a next chunk or a next head, still to be looked at. */
export function isLast({ byteOffset, byteLength, buffer }: Buffer): boolean {
  return byteOffset + byteLength === buffer.byteLength;
}

const given = new WeakSet<object>();

/** Marks a chunk that nobody needs any more once a connection has sent it. */
export function giveAway(chunk: Buffer): void {
  if (isUnshared(chunk) && isLast(chunk)) given.add(chunk);
}

/** Lets a connection free the chunks that were given away, each as soon as it has been sent. */
export function freeWhatIsSent(socket: Socket): void {
  const write = socket.write as (...args: unknown[]) => boolean;
  socket.write = function writeAndFree(...args: unknown[]): boolean {
    const [chunk] = args;
    const isGiven = args.length === 1 && Buffer.isBuffer(chunk) && given.has(chunk);
    return isGiven ? write.call(socket, chunk, () => freeChunk(chunk)) : write.apply(socket, args);
  };
}
