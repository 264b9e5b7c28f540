import { parseAnswer, type RawAnswer } from './raw-client.ts';

/** Takes a text of several answers apart, in their order. An answer that is not complete is left out; interim ones (1xx) too. */
export function parseAnswers(text: string, { toHead = false } = {}): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; ; ) {
    const answer = parseAnswer(rest);
    const bodyAt = rest.indexOf('\r\n\r\n') + 4;
    if (bodyAt === 3) return answers;
    const isInterim = answer.status >= 100 && answer.status < 200;
    const length = isInterim || toHead || answer.status === 204 ? 0 : bodyLength(answer);
    if (length > rest.length - bodyAt) return answers;
    if (!isInterim) answers.push({ ...answer, body: rest.slice(bodyAt, bodyAt + length) });
    rest = rest.slice(bodyAt + length);
  }
}

/** For `sendRaw`: satisfied by this many complete answers. */
export function untilAnswers(count: number, options?: { toHead: boolean }): (text: string) => boolean {
  return (text) => parseAnswers(text, options).length >= count;
}

/** Bytes of the body on the wire. Infinity while a chunked one has not ended. */
function bodyLength({ headers, body }: RawAnswer): number {
  const { 'transfer-encoding': coding, 'content-length': length = '0' } = headers;
  if (coding !== 'chunked') return Number(length);
  const end = body.indexOf('0\r\n\r\n');
  return end === -1 ? Number.POSITIVE_INFINITY : end + 5;
}
