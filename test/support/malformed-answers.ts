/** An answer that no service should give, byte by byte. */
export interface MalformedAnswer {
  readonly name: string;
  readonly bytes: string;
  /** What the service does after the bytes. Default: keeps the connection open. */
  readonly ending?: 'fin' | 'reset';
  /** Whether the fault stands behind a valid head, so that the gateway notices it too late for a 502. */
  readonly isInBody?: true;
}

/** What must not survive into the answer of the gateway. */
const SECRETS = [
  'Set-Cookie: sid=SECRET',
  'Content-Encoding: gzip',
  'Cache-Control: public, max-age=600',
  'X-Upstream: SECRET',
];

const crlf = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const head = (statusLine: string, ...headers: string[]) => crlf(statusLine, ...SECRETS, ...headers);
const ok = (...headers: string[]) => head('HTTP/1.1 200 OK', ...headers);
const shown = (text: string) => JSON.stringify(text).slice(1, 41);

const statusLines: MalformedAnswer[] = [
  ...['000', '001', '099', '600', '666', '999', '20', '2', '2000', 'abc', '-200', '2e2', '0x1F', ' 200'].map(
    (code) => `HTTP/1.1 ${code} OK`,
  ),
  ...['HTTP/1.2', 'HTTP/3.0', 'HTTP/9.9', 'HTTP/1', 'HTTP/1.', 'HTTP/11.1', 'http/1.1', 'HTTPS/1.1'].map(
    (version) => `${version} 200 OK`,
  ),
  ...['HTTP 200 OK', 'ICY 200 OK', 'HTTP/1.1200 OK', 'HTTP/1.1\t200 OK', '200 OK', 'HTTP/1.1'],
  ...['SSH-2.0-OpenSSH_9.6', '220 mail.example.com ESMTP', '<html><body>hello</body></html>', '{"ok":true}'],
  ...['GET / HTTP/1.1', '\x16\x03\x01\x02\x00\x01\x00\x01', '\x00\x00\x12\x04\x00\x00\x00\x00\x00'],
  ...['\x00', '\xff\xfe', 'HTTP/1.1 200\x00OK', 'HTTP/1.1\x00200 OK', 'HTTP/1.1 200\nOK: x', 'HTTP/1.1 200 O\rK'],
].map((line) => ({ name: `status line ${shown(line)}`, bytes: `${head(line, 'Content-Length: 2')}ok` }));

const headerLines: MalformedAnswer[] = [
  ...['X Y: 1', 'X-Y : 1', ': 1', 'X\x00Y: 1', 'X-\x01: 1', 'X-\x7f: 1', 'X-\xe4: 1', 'X(Y): 1', 'X@Y: 1', 'X"Y: 1'],
  ...['X[Y]: 1', 'X{Y}: 1', 'X/Y: 1', 'X=Y: 1', 'X,Y: 1', 'X;Y: 1', 'X<Y>: 1', 'X?Y: 1', 'X\\Y: 1', 'no colon here'],
  ...['X-A: a\x00b', 'X-A: a\x01b', 'X-A: a\x08b', 'X-A: a\x0bb', 'X-A: a\x1fb', 'X-A: a\x7fb', 'X-A: \x00'],
  ...['X-A: a\rb', 'X-A: a\r\r\nX-B: c', ' X-A: folded', '\tX-A: folded'],
].map((line) => ({ name: `header ${shown(line)}`, bytes: `${ok(line, 'Content-Length: 2')}ok` }));

const framings: MalformedAnswer[] = [
  ...[
    '-1',
    '+2',
    '0x2',
    '2 2',
    '2, 3',
    '1e3',
    'two',
    '2.0',
    '9'.repeat(30),
    '18446744073709551616',
    '\xb2',
    '2;',
    '2\x00',
  ].map((value) => [`Content-Length: ${value}`]),
  ['Content-Length: 2', 'Content-Length: 3'],
  ...[
    'gzip',
    'identity',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chu\xf6nked',
    'xchunked',
    '"chunked"',
  ].map((coding) => [`Transfer-Encoding: ${coding}`, 'Connection: close']),
  ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'],
  ['Content-Length: 2', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked', 'Content-Length: 2'],
  ['Transfer-Encoding: chunked', 'Content-Length: 0'],
].map((lines) => ({ name: `framing ${shown(lines.join(' + '))}`, bytes: `${ok(...lines)}ok` }));

const huge: MalformedAnswer[] = [
  { name: 'one header of 64 KiB', bytes: ok(`X-Big: ${'x'.repeat(65_536)}`, 'Content-Length: 0') },
  { name: 'a header name of 64 KiB', bytes: ok(`X-${'x'.repeat(65_536)}: 1`, 'Content-Length: 0') },
  {
    name: '5000 headers',
    bytes: ok(...Array.from({ length: 5000 }, (_, n) => `X-${n}: ${n}abc`), 'Content-Length: 0'),
  },
  { name: 'a head of 100 KiB that never ends', bytes: `HTTP/1.1 200 OK\r\n${'X-A: bcdefghijklmn\r\n'.repeat(5000)}` },
];

const interim: MalformedAnswer[] = [
  {
    name: '101 that nobody asked for',
    bytes: head('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'),
  },
  { name: '101 without Upgrade', bytes: head('HTTP/1.1 101 Switching Protocols') },
  { name: '100 that nobody asked for', bytes: crlf('HTTP/1.1 100 Continue') },
  { name: '100 before an answer', bytes: crlf('HTTP/1.1 100 Continue') + ok('Content-Length: 0') },
  { name: '200 that upgrades', bytes: `${ok('Upgrade: websocket', 'Connection: Upgrade', 'Content-Length: x')}` },
  { name: '1xx and then garbage', bytes: `${crlf('HTTP/1.1 103 Early Hints', 'Link: </a>')}garbage\r\n\r\n` },
  { name: '1xx and then FIN', bytes: crlf('HTTP/1.1 102 Processing'), ending: 'fin' },
  {
    name: '200 times 1xx and then FIN',
    bytes: crlf('HTTP/1.1 103 Early Hints', 'Link: </a>').repeat(200),
    ending: 'fin',
  },
];

const endings = (['fin', 'reset'] as const).flatMap((ending): MalformedAnswer[] => [
  { name: `nothing, then ${ending}`, bytes: '', ending },
  { name: `an empty line, then ${ending}`, bytes: '\r\n', ending },
  { name: `half a version, then ${ending}`, bytes: 'HTT', ending },
  { name: `half a status line, then ${ending}`, bytes: 'HTTP/1.1 20', ending },
  { name: `a status line, then ${ending}`, bytes: 'HTTP/1.1 200 OK\r\n', ending },
  { name: `half a header, then ${ending}`, bytes: 'HTTP/1.1 200 OK\r\nContent-Le', ending },
  { name: `a head without its last line, then ${ending}`, bytes: ok('Content-Length: 5').slice(0, -2), ending },
  { name: `a head and no body, then ${ending}`, bytes: ok('Content-Length: 5'), ending, isInBody: true },
  { name: `half a body, then ${ending}`, bytes: `${ok('Content-Length: 5')}ab`, ending, isInBody: true },
  { name: `no chunk, then ${ending}`, bytes: ok('Transfer-Encoding: chunked'), ending, isInBody: true },
  { name: `half a chunk, then ${ending}`, bytes: `${ok('Transfer-Encoding: chunked')}5\r\nab`, ending, isInBody: true },
  {
    name: `no last chunk, then ${ending}`,
    bytes: `${ok('Transfer-Encoding: chunked')}2\r\nab\r\n`,
    ending,
    isInBody: true,
  },
]);

const chunks = ['zz', '-1', '0x2', '2 ab', '+2', 'g', '\x00', '2\x00', 'ffffffffffffffffff', '2;\x00'].map(
  (size): MalformedAnswer => ({
    name: `chunk size ${shown(size)}`,
    bytes: `${ok('Transfer-Encoding: chunked')}${size}\r\nab\r\n0\r\n\r\n`,
    isInBody: true,
  }),
);

const chunkEnds = ['abcd\r\n0\r\n\r\n', 'ab0\r\n\r\n', 'ab\n\n0\r\n\r\n'].map(
  (rest): MalformedAnswer => ({
    name: `chunk of 2 bytes: ${shown(rest)}`,
    bytes: `${ok('Transfer-Encoding: chunked')}2\r\n${rest}`,
    isInBody: true,
  }),
);

/** Answers that must never pass for good ones. */
export const malformedAnswers: readonly MalformedAnswer[] = [
  ...statusLines,
  ...headerLines,
  ...framings,
  ...huge,
  ...interim,
  ...endings,
  ...chunks,
  ...chunkEnds,
];
