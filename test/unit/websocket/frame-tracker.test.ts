import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FrameTracker } from '../../../src/websocket/frame-tracker.ts';

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly length: number;
}

const dataFrame = fc.record({
  opcode: fc.constantFrom(0, 1, 2),
  isFinal: fc.boolean(),
  length: fc.oneof(fc.nat(300), fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000)),
});
const controlFrame = fc.record({
  opcode: fc.constantFrom(0x9, 0xa),
  isFinal: fc.constant(true),
  length: fc.nat(125),
});
const frames = fc.array(fc.oneof(dataFrame, controlFrame), { minLength: 1, maxLength: 8 });

/** Whose payload looks like headers: a tracker that loses count would find frames in it. */
function bytesOf({ opcode, isFinal, length }: Frame, isMasked: boolean): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(BigInt(length));
  const size =
    length < 126
      ? Buffer.from([mask | length])
      : length < 65_536
        ? Buffer.from([mask | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([mask | 127]), long]);
  const first = Buffer.from([(isFinal ? 0x80 : 0) | opcode]);
  return Buffer.concat([first, size, Buffer.alloc(isMasked ? 4 : 0, 0x88), Buffer.alloc(length, 0x8f)]);
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe('the frames of one direction', () => {
  it('end where their headers say, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        frames,
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1 }),
        (all, isMasked, sizes) => {
          const tracker = new FrameTracker({ isMasked });
          const encoded = all.map((frame) => bytesOf(frame, isMasked));
          const ends = encoded.map((_, index) =>
            encoded.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0),
          );
          let at = 0;
          for (const chunk of cut(Buffer.concat(encoded), sizes)) {
            const first = ends.find((end) => end > at && end <= at + chunk.length);
            expect(tracker.read(chunk)).toBe(true);
            expect(tracker.firstEnd).toBe(first === undefined ? -1 : first - at);
            at += chunk.length;
            expect(tracker.isBetweenFrames).toBe(ends.includes(at));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are told apart as far as they matter: pings, pongs, closes and all others', () => {
    const seenIn = (...all: Frame[]) => {
      const tracker = new FrameTracker({ isMasked: false });
      expect(tracker.read(Buffer.concat(all.map((frame) => bytesOf(frame, false))))).toBe(true);
      const { hasPing, hasClosed, isActive } = tracker;
      return { hasPing, hasClosed, isActive };
    };
    const [text, ping, pong, close] = [1, 9, 10, 8].map((opcode) => ({ opcode, isFinal: true, length: 2 })) as [
      Frame,
      Frame,
      Frame,
      Frame,
    ];
    expect(seenIn(pong)).toEqual({ hasPing: false, hasClosed: false, isActive: false });
    expect(seenIn(pong, text)).toEqual({ hasPing: false, hasClosed: false, isActive: true });
    expect(seenIn(text, ping, pong)).toEqual({ hasPing: true, hasClosed: false, isActive: true });
    expect(seenIn(text, close)).toEqual({ hasPing: false, hasClosed: true, isActive: true });
  });

  it('have not closed before their close frame is whole', () => {
    const tracker = new FrameTracker({ isMasked: false });
    tracker.read(Buffer.from([0x88, 2, 3]));
    expect(tracker.hasClosed).toBe(false);
    tracker.read(Buffer.from([233]));
    expect(tracker.hasClosed).toBe(true);
  });

  it.each([
    ['reserved opcodes', [0x83, 0]],
    ['reserved control opcodes', [0x8b, 0]],
    ['a mask where there is none', [0x81, 0x80]],
    ['a control frame in parts', [0x08, 0]],
    ['a long control frame', [0x89, 126]],
    ['a length with its first bit set', [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]],
    ['a length that JavaScript can not count', [0x82, 127, 0, 0x20, 0, 0, 0, 0, 0, 1]],
    ['anything behind a close frame', [0x88, 0, 0x81, 0]],
  ])('can not be %s', (_what, bytes) => {
    expect(new FrameTracker({ isMasked: false }).read(Buffer.from(bytes))).toBe(false);
  });
});
