import { setTimeout as sleep } from 'node:timers/promises';
import type { Printer } from '../print.ts';
import type { Stage } from '../stage/open-stage.ts';
import { type Logs, logsIn } from './logs.ts';
import { type Answer, type Call, send } from './send.ts';

/** What a step has to work with. */
export interface Scene {
  readonly stage: Stage;
  readonly print: Printer;
  readonly logs: Logs;
  readonly signal: AbortSignal;
  /** Access tokens by first name, since they logged in. */
  readonly tokens: Map<string, string>;
  /** Sends a request without a word. */
  send(call: Call): Promise<Answer>;
  /** Sends a request and shows it, its answer and the line that it left in the access log. */
  ask(call: ShownCall): Promise<Answer>;
  /**
   * Waits until a condition holds, and returns what it found.
   * @throws {Unexpected} naming `what` if it never does
   */
  until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T>;
}

/** A request, and what a reader wants to know of it. */
export interface ShownCall extends Call {
  readonly expect: number;
  /** Whose token it carries, or from where it comes. */
  readonly note?: string;
  /** What matters in the answer. */
  readonly show?: (answer: Answer) => string[];
}

/** One step of the walk. */
export interface Step {
  readonly title: string;
  /** One line: why it matters. */
  readonly why: string;
  readonly run: (scene: Scene) => Promise<void>;
}

/** A promise that was not kept. */
export class Unexpected extends Error {
  readonly expected: string;
  readonly came: string;

  constructor(expected: string, came: string) {
    super(`expected ${expected}, but got ${came}`);
    this.name = 'Unexpected';
    this.expected = expected;
    this.came = came;
  }
}

const PATIENCE_MS = 15_000;
const LOOK_INTERVAL_MS = 50;

/** Sets the scene on a stage that is open. */
export function setScene({ stage, print, signal }: Pick<Scene, 'stage' | 'print' | 'signal'>): Scene {
  const logs = logsIn(stage.logFolder);
  const scene: Scene = {
    stage,
    print,
    logs,
    signal,
    tokens: new Map(),
    send: (call) => send(stage.url, call, signal),
    async ask({ expect, note = '', show = () => [], ...call }) {
      print.request(call, note);
      const answer = await scene.send(call);
      print.answer(answer, ...(answer.status === expect ? show(answer) : []));
      await showAccessLine(scene, answer);
      if (answer.status !== expect)
        throw new Unexpected(`status ${expect}`, `${answer.status} ${shortened(answer.body)}`);
      return answer;
    },
    async until(what, look) {
      const deadline = performance.now() + PATIENCE_MS;
      for (;;) {
        const found = await look();
        if (found !== undefined && found !== false) return found;
        if (performance.now() > deadline) throw new Unexpected(what, `none of it within ${PATIENCE_MS / 1000} s`);
        await sleep(LOOK_INTERVAL_MS, undefined, { signal });
      }
    },
  };
  return scene;
}

/**
 * Checks what no status tells.
 * @throws {Unexpected} if it does not hold
 */
export function insist(holds: boolean, expected: string, came: unknown): asserts holds {
  if (!holds) throw new Unexpected(expected, shortened(came));
}

/** The fields of an access line that the answer has not shown already; the file has more. */
export async function showAccessLine({ print, logs, until }: Scene, answer: Answer): Promise<void> {
  const requestId = answer.headers['x-request-id'];
  const line = await until(`a line with ${requestId} in access.log`, () => logs.access(requestId));
  const { reason, user, upstream, upstreamMs, durationMs, webSocketEnd, worker } = line;
  const client = line.client === '127.0.0.1' ? undefined : line.client;
  print.log('access.log', { reason, client, user, upstream, upstreamMs, durationMs, webSocketEnd, worker });
}

function shortened(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
