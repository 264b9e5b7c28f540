import { once } from 'node:events';
import { connect } from 'node:net';
import { quantile } from '../measure/statistics.ts';

/** What has become of the requests of one second. */
interface Second {
  served: number;
  refused: number;
  failed: number;
}

/** Milliseconds, from the moment at which a request was due. */
interface Latencies {
  readonly p50: number;
  readonly p99: number;
}

/** What has become of all of them. */
export interface ArrivalFigures {
  readonly offeredPerSecond: number;
  readonly servedPerSecond: number;
  /** The least of any second but the first. */
  readonly leastServed: number;
  readonly refused: number;
  /** Answered otherwise, or not at all. */
  readonly failed: number;
  readonly served: Latencies;
  readonly refusals: Latencies;
}

interface ArrivalOptions {
  readonly port: number;
  readonly request: string;
  readonly perSecond: number;
  readonly seconds: number;
  readonly connections: number;
}

const TICK_MS = 2;

/**
 * Sends so many requests per second, whether or not earlier ones have been answered, and takes 200 and 503 for an answer.
 * One that finds every connection busy waits for one, and its wait counts.
 */
export async function arrivals({
  port,
  request,
  perSecond,
  seconds,
  connections,
}: ArrivalOptions): Promise<ArrivalFigures> {
  const report = Array.from({ length: seconds + 1 }, (): Second => ({ served: 0, refused: 0, failed: 0 }));
  const latencies = { served: [] as number[], refused: [] as number[] };
  const waiting: number[] = [];
  let sent = 0;
  let settled = 0;
  const startedAt = performance.now();
  const settle = (status: number, dueAt: number) => {
    const now = performance.now();
    const second = report[Math.floor((now - startedAt) / 1000)] ?? report.at(-1);
    const how = status === 200 ? 'served' : status === 503 ? 'refused' : 'failed';
    settled++;
    if (second !== undefined) second[how]++;
    if (how !== 'failed') latencies[how].push(now - dueAt);
  };
  const open = () => openLine({ port, request, onAnswer: settle, onFree: next });
  const lines = await Promise.all(Array.from({ length: connections }, open));
  const free = [...lines];
  function next(line: Line): void {
    const dueAt = waiting.shift();
    if (dueAt === undefined) free.push(line);
    else line.send(dueAt);
  }
  const count = perSecond * seconds;
  const beganAt = performance.now();
  while (sent < count) {
    const due = Math.min(count, ((performance.now() - beganAt) * perSecond) / 1000);
    for (; sent < due; sent++) {
      const dueAt = beganAt + (sent * 1000) / perSecond;
      // By turns: the gateway closes a connection that is never used.
      const line = free.shift();
      if (line === undefined) waiting.push(dueAt);
      else line.send(dueAt);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const giveUpAt = performance.now() + 20_000;
  while (settled < count && performance.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 50));
  for (const line of lines) line.close();
  return figuresOf({ report, latencies, unanswered: count - settled, perSecond, seconds });
}

interface Outcome {
  readonly report: readonly Second[];
  readonly latencies: { readonly served: number[]; readonly refused: number[] };
  readonly unanswered: number;
  readonly perSecond: number;
  readonly seconds: number;
}

function figuresOf({ report, latencies, unanswered, perSecond, seconds }: Outcome): ArrivalFigures {
  const sum = (how: keyof Second) => report.reduce((total, second) => total + second[how], 0);
  // What is answered after the last request was due is no part of the rate.
  const servedInTime = report.slice(0, seconds).reduce((total, { served }) => total + served, 0);
  const percentiles = (values: number[]) => {
    values.sort((a, b) => a - b);
    return { p50: quantile(values, 0.5), p99: quantile(values, 0.99) };
  };
  return {
    offeredPerSecond: perSecond,
    servedPerSecond: Math.round(servedInTime / seconds),
    leastServed: Math.min(...report.slice(1, seconds).map(({ served }) => served)),
    refused: sum('refused'),
    failed: sum('failed') + unanswered,
    served: percentiles(latencies.served),
    refusals: percentiles(latencies.refused),
  };
}

interface Line {
  send(dueAt: number): void;
  close(): void;
}

interface LineOptions {
  readonly port: number;
  readonly request: string;
  readonly onAnswer: (status: number, dueAt: number) => void;
  readonly onFree: (line: Line) => void;
}

/** A kept-alive connection, one request at a time. It is opened again when the other end closes it. */
async function openLine({ port, request, onAnswer, onFree }: LineOptions): Promise<Line> {
  let dueAt: number | undefined;
  let received = '';
  let isClosed = false;
  const settle = (status: number) => {
    if (dueAt === undefined) return;
    onAnswer(status, dueAt);
    dueAt = undefined;
    received = '';
    if (!isClosed) onFree(line);
  };
  const dial = () => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (isWhole(received)) settle(Number(received.slice(9, 12)));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (isClosed) return;
      current = dial();
      settle(0);
    });
    return socket;
  };
  let current = dial();
  const line: Line = {
    send(due) {
      dueAt = due;
      current.write(request, 'latin1');
    },
    close() {
      isClosed = true;
      current.destroy();
    },
  };
  await once(current, 'connect');
  return line;
}

/** Whether a text is an answer with all of its body, which must have a Content-Length. */
function isWhole(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return false;
  const bytes = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  return text.length - headEnd - 4 >= Number(bytes ?? 0);
}
