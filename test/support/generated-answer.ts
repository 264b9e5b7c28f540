import fc from 'fast-check';
import { malformedAnswers } from './malformed-answers.ts';
import { mutated } from './mutations.ts';

/** What an upstream sends for one request, and what it does then. */
export interface GeneratedAnswer {
  readonly method: string;
  readonly bytes: string;
  /** Where the bytes are sent in two pieces. */
  readonly splitAt: number;
  readonly ending: 'fin' | 'reset' | 'stays';
}

const crlf = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const PRIVATE = ['Set-Cookie: sid=SECRET', 'Cache-Control: public', 'Content-Encoding: gzip', 'X-Upstream: SECRET'];
const ok = (...lines: string[]) => crlf('HTTP/1.1 200 OK', ...PRIVATE, ...lines);
const chunks = '5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n';
const hints = crlf('HTTP/1.1 103 Early Hints', 'Link: </a>');

/** Answers that are right as they stand. */
const good: readonly string[] = [
  `${ok('Content-Length: 5')}hello`,
  `${ok('Transfer-Encoding: chunked')}${chunks}\r\n`,
  `${ok('Transfer-Encoding: chunked', 'Trailer: X-Late')}${chunks}X-Late: 1\r\n\r\n`,
  `${ok('Connection: close')}hello until the end`,
  `${ok('Connection: close, X-Upstream', 'Content-Length: 5')}hello`,
  ok('Content-Length: 0'),
  crlf('HTTP/1.1 204 No Content', ...PRIVATE),
  crlf('HTTP/1.1 304 Not Modified', 'ETag: "a"', 'Content-Length: 5'),
  `${crlf('HTTP/1.1 404 Not Found', 'Content-Length: 5', 'Content-Type: text/plain')}hello`,
  `${crlf('HTTP/1.1 500 Failed', ...PRIVATE, 'Content-Length: 5')}hello`,
  `${crlf('HTTP/1.0 200 OK', 'Content-Length: 5')}hello`,
  `${hints}${ok('Content-Length: 5')}hello`,
  `${crlf('HTTP/1.1 302 Found', 'Location: /elsewhere', 'Content-Length: 0')}`,
  `${ok('Content-Length: 5')}hello${ok('Content-Length: 6')}second`,
];

const tokens: readonly string[] = [
  ...['\r\n', '\r\n\r\n', '\n\n', '\x0b', '\xff', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 101 Switching Protocols\r\n', hints],
  ...['Content-Length: 0\r\n', 'Content-Length: 5\r\n', 'Content-Length: 9\r\n', 'content-length: -1\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n', 'Transfer-Encoding: chunked, chunked\r\n'],
  ...['Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'],
  ...['Keep-Alive: timeout=1\r\n', 'X-Gateway-Reason: forged\r\n', 'X-Request-Id: forged\r\n', 'Location: //a\r\n'],
  ...[
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    'ffffffff\r\n',
    `${ok('Content-Length: 2')}ok`,
    ' '.repeat(200),
    'a'.repeat(40_000),
  ],
];

/** Answers of an upstream: good and bad ones, changed in some places, cut anywhere, sent in pieces. */
export const generatedAnswer: fc.Arbitrary<GeneratedAnswer> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST'),
  bytes: mutated({
    corpus: [...Array.from({ length: 12 }, () => good).flat(), ...malformedAnswers.map(({ bytes }) => bytes)],
    tokens,
    maxMutations: 4,
  }),
  splitAt: fc.nat({ max: 400 }),
  ending: fc.constantFrom('fin', 'fin', 'reset', 'stays'),
});
