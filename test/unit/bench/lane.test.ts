import { describe, expect, it } from '@jest/globals';
import { answerReader, type LaneAnswer } from '../../../bench/measure/lane.ts';

const answer = (status: number, length: number, body: string) =>
  `HTTP/1.1 ${status} OK\r\nX-A: b\r\ncontent-length: ${length}\r\nDate: now\r\n\r\n${body}`;

/** Feeds a reader with pieces of so many bytes, and returns what it says at the last one. */
function read(text: string, pieceBytes: number): LaneAnswer | undefined {
  const reader = answerReader({ status: 200, bodyBytes: 5 });
  let verdict: LaneAnswer | undefined;
  for (let at = 0; at < text.length; at += pieceBytes) {
    verdict = reader(Buffer.from(text.slice(at, at + pieceBytes), 'latin1'));
  }
  return verdict;
}

describe('answerReader', () => {
  it.each([1, 2, 7, 1000])('finds the end of an answer that comes in pieces of %d bytes', (pieceBytes) => {
    expect(read(answer(200, 5, 'abcde'), pieceBytes)).toEqual({});
  });

  it('waits for the last byte', () => {
    expect(read(answer(200, 5, 'abcd'), 1000)).toBeUndefined();
  });

  it.each([
    ['another status', answer(503, 5, 'abcde'), 'status 503'],
    ['another length', answer(200, 4, 'abcd'), 'Content-Length 4'],
    ['no length', 'HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nabcde', 'Content-Length undefined'],
    ['more than its length', answer(200, 5, 'abcdef'), 'the answer is longer than its Content-Length'],
  ])('refuses %s', (_what, text, failure) => {
    expect(read(text, 1000)).toEqual({ failure });
  });
});
