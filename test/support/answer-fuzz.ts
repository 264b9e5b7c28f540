import { startGateway, type TestGateway } from './gateway.ts';
import type { GeneratedAnswer } from './generated-answer.ts';
import { sendRaw } from './raw-client.ts';
import { rawRequest } from './raw-request.ts';
import { type RawUpstream, rawUpstream } from './raw-upstream.ts';
import { readAnswer, type StrictMessage, valuesOf } from './strict-http.ts';

/** What must not happen, and did. */
export interface AnswerCulprit {
  readonly answer: GeneratedAnswer;
  readonly fault: string;
  readonly seen: string;
}

/** A gateway before an upstream that sends what it is told to. */
export interface FuzzedUpstream {
  readonly gateway: TestGateway;
  /** Lets the upstream give each answer to a client of its own, all at once, and finds those that went wrong. */
  culpritsAmong(answers: readonly GeneratedAnswer[]): Promise<string[]>;
  stop(): Promise<void>;
}

const FRAMING_IN_TRAILER = /\r\n0[^\r\n]*\r\n(?:[^\r\n]+\r\n)*(?:transfer-encoding|content-length):/i;

const TRIES = 5;

const FIRST_LIMIT_MS = 1000;

/** Starts both. The breaker is one that never opens: half of what the upstream says is wrong. */
export async function startFuzzedUpstream(): Promise<FuzzedUpstream> {
  const answers = new Map<string, GeneratedAnswer>();
  let count = 0;
  const upstream: RawUpstream = await rawUpstream((socket, head) => {
    const answer = answers.get(/ \/case\/(\d+) /.exec(head)?.[1] ?? '');
    if (answer === undefined) return void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
    void play(socket, answer);
  });
  const url = `http://127.0.0.1:${upstream.port}`;
  const gateway = await startGateway({ upstreams: { crm: { url, breaker: { minimumCalls: 100_000 } } } });
  const tryOne = async (answer: GeneratedAnswer): Promise<AnswerCulprit[]> => {
    const id = String(count++);
    answers.set(id, answer);
    const startedAt = performance.now();
    const lines = ['Connection: close'];
    const request = { target: `/open/crm/case/${id}`, method: answer.method, lines };
    const body = answer.method === 'POST' ? { body: 'x=1' } : {};
    const { text, isClosed } = await sendRaw(gateway.port, rawRequest({ ...request, ...body }), { silenceMs: 3000 });
    answers.delete(id);
    const elapsedMs = performance.now() - startedAt;
    const fault = !isClosed
      ? 'no end'
      : elapsedMs > FIRST_LIMIT_MS
        ? `${Math.round(elapsedMs)} ms`
        : faultOf(answer, text);
    return fault === undefined ? [] : [{ answer, fault, seen: text }];
  };
  const stillAtFault = async (answer: GeneratedAnswer): Promise<AnswerCulprit[]> => {
    let culprits = await tryOne(answer);
    for (let tries = 1; tries < TRIES && culprits.length > 0; tries++) culprits = await tryOne(answer);
    return culprits;
  };
  return {
    gateway,
    async culpritsAmong(all) {
      const first = (await Promise.all(all.map(tryOne))).flat();
      const culprits: AnswerCulprit[] = [];
      // Time is short on a busy machine, when all come at once: what is at fault stays so alone, each time.
      for (const { answer } of first) culprits.push(...(await stillAtFault(answer)));
      return culprits.map((culprit) => JSON.stringify(culprit));
    },
    async stop() {
      await gateway.stop();
      await upstream.stop();
    },
  };
}

async function play(socket: Parameters<Parameters<typeof rawUpstream>[0]>[0], answer: GeneratedAnswer): Promise<void> {
  const { bytes, method } = answer;
  const whole = readAnswer(bytes, { toHead: method === 'HEAD' });
  const extent = whole.messages[0]?.isComplete === true ? bytes.length - whole.rest.length : bytes.length;
  // What comes after a complete answer, and later, would be the answer to whoever uses the connection next: nobody can tell.
  const at = Math.min(answer.splitAt, Math.max(0, extent - 1));
  for (const piece of [bytes.slice(0, at), bytes.slice(at)]) {
    await new Promise<void>((resolve) => socket.write(Buffer.from(piece, 'latin1'), () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (answer.ending === 'reset') socket.resetAndDestroy();
  // undici's parser keeps framing that stands in a trailer, where it has no business, and takes the next answer on the
  // connection for a malformed one. Only a later request to the same service meets that, so the connection ends here.
  else if (FRAMING_IN_TRAILER.test(bytes)) socket.end();
  // Without an end, whoever waits for the rest of an answer waits for long, and rightly.
  else if (answer.ending === 'fin' || whole.messages[0]?.isComplete !== true) socket.end();
}

/** What is wrong with what a client got. Undefined for a faithful answer, a 502 of the gateway's own, and a cut. */
function faultOf({ method, bytes, ending }: GeneratedAnswer, text: string): string | undefined {
  const toHead = method === 'HEAD';
  const got = readAnswer(text, { toHead });
  const [answer] = got.messages;
  if (answer === undefined) return text === '' ? undefined : `not readable: ${got.fault}`;
  const reason = valuesOf(answer.fields, 'x-gateway-reason');
  if (reason.length > 0) return faultOfProblem(answer, got.rest);
  if (!answer.isComplete) return undefined;
  if (got.rest !== '') return `something behind the answer: ${JSON.stringify(got.rest)}`;
  const [meant] = readAnswer(bytes, { toHead, isEnded: ending !== 'reset' }).messages;
  if (meant === undefined) return 'an answer that the upstream has not given';
  if (!meant.isComplete) return 'a whole answer, where the upstream gave a part of one';
  const isFaithful = (['status', 'body', 'secret'] as const).every(
    (part) => partOf(meant, part) === partOf(answer, part),
  );
  return isFaithful ? undefined : 'another answer than the upstream has given';
}

function faultOfProblem({ startLine, fields, body, isComplete }: StrictMessage, rest: string): string | undefined {
  if (!startLine.startsWith('HTTP/1.1 502 ')) return `a problem with ${startLine}`;
  const isOurs = fields.every(([name, value]) => OURS.has(name) && !/SECRET|forged/.test(value));
  if (!isOurs) return 'headers of the upstream in a problem';
  if (valuesOf(fields, 'cache-control').join() !== 'no-store') return 'a problem that may be kept';
  if (!isComplete || rest !== '') return 'a problem of another length than it says';
  return body === '' || body.startsWith('{"type":"urn:problem-type:') ? undefined : 'a problem in other words';
}

const OURS = new Set([
  ...['x-request-id', 'x-gateway-reason', 'content-type', 'cache-control', 'content-length', 'connection', 'date'],
  ...['content-security-policy', 'cross-origin-resource-policy', 'referrer-policy', 'strict-transport-security'],
  ...['x-content-type-options', 'x-frame-options', 'vary', 'ratelimit', 'ratelimit-policy'],
]);

function partOf({ startLine, fields, body }: StrictMessage, part: 'status' | 'body' | 'secret'): string {
  if (part === 'status') return startLine.slice(9, 12);
  return part === 'body' ? body : valuesOf(fields, 'set-cookie').join();
}
