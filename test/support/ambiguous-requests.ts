import { chunked, rawRequest } from './raw-request.ts';

/** What an attacker wants to be taken for a request of its own. */
export const inner = rawRequest({ target: '/open/crm/smuggled' });
/** A POST with these header lines, and then these bytes. */
export const post = (lines: string[], body: string, version?: string) =>
  rawRequest({ method: 'POST', lines, ...(version === undefined ? {} : { version }) }) + body;

/** Requests whose body two servers could measure in two ways, by what is wrong with them. */
export const ambiguous: Record<string, string> = {
  'Content-Length and Transfer-Encoding': post(
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    chunked('') + inner,
  ),
  'Transfer-Encoding and Content-Length': post(
    ['Transfer-Encoding: chunked', 'Content-Length: 4'],
    chunked('') + inner,
  ),
  'two different Content-Lengths': post(['Content-Length: 0', `Content-Length: ${inner.length}`], inner),
  'two equal Content-Lengths': post(['Content-Length: 5', 'Content-Length: 5'], `abcde${inner}`),
  'a list of Content-Lengths': post(['Content-Length: 0, 0'], inner),
  'a Content-Length with a plus': post(['Content-Length: +0'], inner),
  'a negative Content-Length': post(['Content-Length: -1'], inner),
  'a hexadecimal Content-Length': post(['Content-Length: 0x0'], inner),
  'a fractional Content-Length': post(['Content-Length: 0.0'], inner),
  'a Content-Length of two words': post(['Content-Length: 0 5'], inner),
  'an empty Content-Length': post(['Content-Length:'], inner),
  'a Content-Length beyond 64 bits': post(['Content-Length: 18446744073709551616'], inner),
  'two Transfer-Encodings': post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], chunked('') + inner),
  'chunked twice': post(['Transfer-Encoding: chunked, chunked'], chunked('') + inner),
  'gzip before chunked': post(['Transfer-Encoding: gzip, chunked'], chunked('') + inner),
  'gzip in a line of its own before chunked': post(
    ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'],
    chunked('') + inner,
  ),
  'gzip after chunked': post(['Transfer-Encoding: chunked, gzip'], chunked('') + inner),
  'gzip alone': post(['Transfer-Encoding: gzip'], inner),
  identity: post(['Transfer-Encoding: identity'], inner),
  'a coding that ends in chunked': post(['Transfer-Encoding: xchunked'], chunked('') + inner),
  'a coding with a parameter': post(['Transfer-Encoding: chunked;q=1'], chunked('') + inner),
  'a quoted coding': post(['Transfer-Encoding: "chunked"'], chunked('') + inner),
  'a vertical tab before the coding': post(['Transfer-Encoding: \x0bchunked'], chunked('') + inner),
  'a space before the colon': post(['Transfer-Encoding : chunked'], chunked('') + inner),
  'a coding in a folded line': post(['Transfer-Encoding:', ' chunked'], chunked('') + inner),
  'a Content-Length behind a bare line feed': post([`X: a\nContent-Length: ${inner.length}`], inner),
  'a Content-Length behind a bare carriage return': post([`X: a\rContent-Length: ${inner.length}`], inner),
  'Transfer-Encoding in HTTP/1.0': post(['Transfer-Encoding: chunked'], chunked('') + inner, 'HTTP/1.0'),
};

/** Requests that are no HTTP/1.1, by what is wrong with them. */
export const malformed: Record<string, string> = {
  'a folded line': rawRequest({ lines: ['X: a', ' b'] }),
  'a line fold of a tab': rawRequest({ lines: ['X: a', '\tb'] }),
  'a fold before the first header': 'GET /open/crm/x HTTP/1.1\r\n Host: gateway.test\r\n\r\n',
  'a bare line feed': rawRequest({ lines: ['X: a\nY: b'] }),
  'line feeds only': rawRequest().replaceAll('\r\n', '\n'),
  'a bare carriage return': rawRequest({ lines: ['X: a\rb'] }),
  'NUL in a value': rawRequest({ lines: ['X: a\0b'] }),
  'NUL in a name': rawRequest({ lines: ['X\0Y: a'] }),
  'a control character in a value': rawRequest({ lines: ['X: a\x01b'] }),
  'DEL in a value': rawRequest({ lines: ['X: a\x7fb'] }),
  'a space before the colon': rawRequest({ lines: ['X : a'] }),
  'a tab before the colon': rawRequest({ lines: ['X\t: a'] }),
  'a name with a bracket': rawRequest({ lines: ['X(: a'] }),
  'no name': rawRequest({ lines: [': a'] }),
  'no colon': rawRequest({ lines: ['X'] }),
  'a chunk size of letters': post(['Transfer-Encoding: chunked'], `zz\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with letters behind': post(['Transfer-Encoding: chunked'], `3zz\r\nabc\r\n0\r\n\r\n${inner}`),
  'a negative chunk size': post(['Transfer-Encoding: chunked'], `-3\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with a plus': post(['Transfer-Encoding: chunked'], `+3\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with 0x': post(['Transfer-Encoding: chunked'], `0x3\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size with an underscore': post(['Transfer-Encoding: chunked'], `1_0\r\nabc\r\n0\r\n\r\n${inner}`),
  'a chunk size beyond 64 bits': post(
    ['Transfer-Encoding: chunked'],
    `1${'0'.repeat(16)}3\r\nabc\r\n0\r\n\r\n${inner}`,
  ),
  'a chunk longer than its size': post(['Transfer-Encoding: chunked'], `3\r\nabcd\r\n0\r\n\r\n${inner}`),
  'a line feed in a chunk extension': post(['Transfer-Encoding: chunked'], `3;a\nb\r\nabc\r\n0\r\n\r\n${inner}`),
  'chunks that end in line feeds': post(['Transfer-Encoding: chunked'], `3\nabc\n0\n\n${inner}`),
  'a folded trailer': post(['Transfer-Encoding: chunked'], `0\r\nX: a\r\n b\r\n\r\n${inner}`),
  'HTTP/0.9': 'GET /open/crm/x\r\n\r\n',
  'HTTP/0.9 by its number': rawRequest({ version: 'HTTP/0.9' }),
  'HTTP/2.0': rawRequest({ version: 'HTTP/2.0' }),
  'HTTP/1.2': rawRequest({ version: 'HTTP/1.2' }),
  'a version in lower case': rawRequest({ version: 'http/1.1' }),
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS client': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  words: 'Lorem ipsum dolor sit amet\r\n\r\n',
};
