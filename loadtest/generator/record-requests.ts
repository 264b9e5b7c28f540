/*
 * Measures every request of Artillery where it leaves and enters Node: Artillery's own figures are whole milliseconds, and
 * a gateway that answers in one needs finer ones. Each worker thread of Artillery loads this once.
 */
import { subscribe } from 'node:diagnostics_channel';
import { openSync, writeSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { RequestLine } from '../measure/request-line.ts';

const folder = process.env.LOADTEST_FOLDER ?? '.';
const file = openSync(join(folder, `requests-${threadId}.jsonl`), 'a');
const startedAt = new WeakMap<ClientRequest, number>();

subscribe('http.client.request.start', (message) => {
  startedAt.set((message as { request: ClientRequest }).request, performance.now());
});

// Published at the head of an answer; a client has it when it has the body.
subscribe('http.client.response.finish', (message) => {
  const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
  const reason = response.headers['x-gateway-reason'];
  response.once('close', () => {
    const isWhole = response.complete;
    record(request, isWhole ? (response.statusCode ?? 0) : 0, isWhole ? String(reason ?? '') : 'answer_cut');
  });
});

subscribe('http.client.request.error', (message) => {
  const { request, error } = message as { request: ClientRequest; error: NodeJS.ErrnoException };
  record(request, 0, error.code ?? error.name);
});

/** Written at once: Artillery ends its threads without a word. */
function record(request: ClientRequest, status: number, reason: string): void {
  const start = startedAt.get(request);
  // An error after the answer is no second result.
  if (start === undefined) return;
  startedAt.delete(request);
  const line: RequestLine = [
    performance.timeOrigin + start,
    performance.now() - start,
    request.method,
    request.path,
    status,
    reason,
  ];
  writeSync(file, `${JSON.stringify(line)}\n`);
}
