/** Smaller ones are not worth the call. */
const MIN_BYTES = 8192;

/**
 * Gives the memory of a chunk back at once, without waiting for the garbage collector: that would let 64 MiB and more pile
 * up, and take as much time as the rest of a transfer. Only for a chunk that has been sent, and that nobody else has: its
 * bytes are gone.
 * @see docs/adr/0014-chunks-are-freed-when-they-are-sent.md
 */
export function freeChunk(chunk: Buffer): void {
  if (isFreeable(chunk)) chunk.buffer.transfer(0);
}

/**
 * Whether a chunk has its memory for itself. It must be the last that is read of it: behind it there may be another chunk,
 * or the next head, that nobody has looked at yet. And it must be more than half of it: no part of the memory that Node
 * shares between buffers is.
 */
export function isFreeable(chunk: Buffer): chunk is Buffer<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = chunk;
  const isLast = byteOffset + byteLength === buffer.byteLength;
  return byteLength >= MIN_BYTES && isLast && byteLength > buffer.byteLength / 2 && 'transfer' in buffer;
}
