import type { FileHandle } from 'node:fs/promises';

const LINE_BREAK = 10;
const lineBreak = Buffer.from([LINE_BREAK]);

/**
 * Appends lines in one call, so that no other process writes between them. On a full disk that call may write a part; the
 * piece of a line at its end is then taken back, or the next line of some worker would be glued to it.
 * @param file opened for appending and reading
 * @returns the lines that are still to be written: none, if all went well
 */
export async function appendLines(file: FileHandle, lines: Buffer): Promise<Buffer> {
  if (lines.length === 0) return lines;
  const { bytesWritten } = await file.write(lines);
  if (bytesWritten === lines.length) return lines.subarray(bytesWritten);
  const wholeLength = lines.subarray(0, bytesWritten).lastIndexOf(LINE_BREAK) + 1;
  const rest = lines.subarray(wholeLength);
  const isWhole = await takeBack(file, lines.subarray(wholeLength, bytesWritten)).catch(() => false);
  return isWhole ? rest : Buffer.concat([lineBreak, rest]);
}

/** Removes a piece from the end of the file. False if it does not stand there: another process found room behind it. */
async function takeBack(file: FileHandle, piece: Buffer): Promise<boolean> {
  const start = (await file.stat()).size - piece.length;
  const { buffer } = await file.read(Buffer.alloc(piece.length), 0, piece.length, start);
  if (!buffer.equals(piece)) return false;
  await file.truncate(start);
  return true;
}
