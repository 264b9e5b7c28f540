/** One message as a reader takes it that knows RFC 9112, forgives nothing and shares no code with what is tested. */
export interface StrictMessage {
  readonly startLine: string;
  /** Names in lower case, in the order of the message. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly isComplete: boolean;
}

export interface StrictReading {
  readonly messages: readonly StrictMessage[];
  /** What made the reader stop. Undefined where the text is over, or a message is the last of its connection. */
  readonly fault: string | undefined;
  /** What stands behind the last message. */
  readonly rest: string;
}

interface AnswerOptions {
  readonly toHead?: boolean;
  /** Whether the connection ended in order, which is what ends a body without a length. */
  readonly isEnded?: boolean;
}

interface Body {
  readonly body: string;
  readonly end: number;
  readonly isComplete: boolean;
}

class Fault extends Error {}

// Several spaces are allowed to be read as one. @see RFC 9112 §3
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ +[!-~]+ +HTTP\/1\.[01]$/;
// The phrase means nothing, and a gateway hands on none. Of the version, it makes its own.
const STATUS_LINE = /^HTTP\/(?:0\.9|1\.[01]|2\.0) [1-5]\d\d(?: [^\r\n]*)?$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[\t ]*$/;
const CHUNK_LINE = /^0*([0-9A-Fa-f]{1,8})(?:;[\t -~\x80-\xff]*)?$/;

/** Reads the requests of one connection up to the first fault, or to the request that ends the connection. */
export function readRequests(text: string): StrictReading {
  const messages: StrictMessage[] = [];
  // Empty lines before a request are to be ignored. @see RFC 9112 §2.2
  for (let rest = text.replace(/^[\r\n]+/, ''); ; ) {
    try {
      const headEnd = rest.indexOf('\r\n\r\n');
      if (headEnd === -1) return { messages, fault: undefined, rest };
      const { startLine, fields } = readHead(rest.slice(0, headEnd), REQUEST_LINE);
      const { body, end, isComplete } = readBody({ text: rest.slice(headEnd + 4), fields, otherwise: 'none' });
      messages.push({ startLine, fields, body, isComplete });
      rest = rest.slice(headEnd + 4 + end).replace(/^[\r\n]+/, '');
      const options = valuesOf(fields, 'connection').join(',');
      const isLast = startLine.endsWith('1.0')
        ? !/\bkeep-alive\b/i.test(options)
        : /(?:^|,)\s*close\s*(?:,|$)/i.test(options);
      if (isLast || !isComplete) return { messages, fault: undefined, rest };
    } catch (error) {
      if (error instanceof Fault) return { messages, fault: error.message, rest };
      throw error;
    }
  }
}

/** Reads the answer to one request, behind any number of interim ones. */
export function readAnswer(text: string, { toHead = false, isEnded = false }: AnswerOptions = {}): StrictReading {
  // Two liberties of every parser of this family, which change no meaning: an empty line before the answer, because some
  // servers send one too many behind a body, and a second carriage return for the line feed of the status line.
  for (let rest = text; ; ) {
    rest = rest.replace(/^[\r\n]+/, '').replace(/^(HTTP\/\d\.\d \d{3}[^\r\n]*)\r\r/, '$1\r\n');
    try {
      const headEnd = rest.indexOf('\r\n\r\n');
      if (headEnd === -1) return { messages: [], fault: 'the text ends before the head does', rest };
      const { startLine, fields } = readHead(rest.slice(0, headEnd), STATUS_LINE);
      rest = rest.slice(headEnd + 4);
      const status = Number(startLine.slice(9, 12));
      if (status === 101) throw new Fault('another protocol');
      if (status < 200) continue;
      const isBodiless = toHead || status === 204 || status === 304;
      const { body, end, isComplete } = isBodiless
        ? { body: '', end: 0, isComplete: true }
        : readBody({ text: rest, fields, otherwise: isEnded ? 'ended' : 'open' });
      return { messages: [{ startLine, fields, body, isComplete }], fault: undefined, rest: rest.slice(end) };
    } catch (error) {
      if (error instanceof Fault) return { messages: [], fault: error.message, rest };
      throw error;
    }
  }
}

/** All values of a field, in order. */
export function valuesOf(fields: StrictMessage['fields'], name: string): string[] {
  return fields.filter(([other]) => other === name).map(([, value]) => value);
}

function readHead(head: string, startLineForm: RegExp): Pick<StrictMessage, 'startLine' | 'fields'> {
  const [startLine = '', ...lines] = head.split('\r\n');
  if (!startLineForm.test(startLine)) throw new Fault(`start line ${JSON.stringify(startLine)}`);
  const fields = lines.map((line): [string, string] => {
    const [, name, value = ''] = FIELD.exec(line) ?? [];
    if (name === undefined) throw new Fault(`line ${JSON.stringify(line)}`);
    return [name.toLowerCase(), value];
  });
  return { startLine, fields };
}

interface BodyOptions {
  readonly text: string;
  readonly fields: StrictMessage['fields'];
  /** What there is without a length: nothing, or all that comes until the connection ends. */
  readonly otherwise: 'none' | 'ended' | 'open';
}

function readBody({ text, fields, otherwise }: BodyOptions): Body {
  const codings = valuesOf(fields, 'transfer-encoding');
  const lengths = valuesOf(fields, 'content-length');
  if (codings.length + lengths.length > 1) throw new Fault('more than one length');
  if (codings.length === 1) {
    if (codings[0]?.toLowerCase() !== 'chunked') throw new Fault(`coding ${codings[0]}`);
    return readChunks(text);
  }
  if (lengths.length === 1) {
    if (!/^\d{1,20}$/.test(lengths[0] ?? '')) throw new Fault(`length ${lengths[0]}`);
    const length = Number(lengths[0]);
    return { body: text.slice(0, length), end: length, isComplete: text.length >= length };
  }
  return otherwise === 'none'
    ? { body: '', end: 0, isComplete: true }
    : { body: text, end: text.length, isComplete: otherwise === 'ended' };
}

function readChunks(text: string): Body {
  let body = '';
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return { body, end: text.length, isComplete: false };
    const size = CHUNK_LINE.exec(text.slice(at, lineEnd))?.[1];
    if (size === undefined) throw new Fault(`chunk size ${JSON.stringify(text.slice(at, lineEnd))}`);
    at = lineEnd + 2;
    const length = Number.parseInt(size, 16);
    if (length === 0) return { body, ...trailersOf(text, at) };
    if (text.length < at + length + 2) return { body, end: text.length, isComplete: false };
    if (text.slice(at + length, at + length + 2) !== '\r\n') throw new Fault('a chunk longer than its size');
    body += text.slice(at, at + length);
    at += length + 2;
  }
}

function trailersOf(text: string, at: number): { end: number; isComplete: boolean } {
  if (text.startsWith('\r\n', at)) return { end: at + 2, isComplete: true };
  const end = text.indexOf('\r\n\r\n', at);
  if (end === -1) return { end: text.length, isComplete: false };
  for (const line of text.slice(at, end).split('\r\n')) {
    if (!FIELD.test(line)) throw new Fault(`trailer ${JSON.stringify(line)}`);
  }
  return { end: end + 4, isComplete: true };
}
