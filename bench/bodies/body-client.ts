// A program: a client of many large bodies at a time. In a process of its own, whose memory nobody counts.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { BodyCheck, bodyStream } from './pattern.ts';

/** What the client is to do. */
export interface BodyJob {
  readonly port: number;
  /** The path of the service behind the gateway. */
  readonly path: string;
  readonly direction: 'up' | 'down';
  readonly parallel: number;
  readonly bytes: number;
  /** Without a declared length. */
  readonly isChunked: boolean;
  /** Milliseconds that the receiving end takes nothing, once the transfer has begun. */
  readonly stallMs: number;
}

/** How it went: one text for each body, `whole` if it arrived byte by byte. */
export interface BodyResult {
  readonly ends: readonly string[];
  readonly seconds: number;
}

async function upload(job: BodyJob, seed: number): Promise<string> {
  const { port, bytes, isChunked, stallMs } = job;
  const path = `${job.path}?seed=${seed}&bytes=${bytes}&stallMs=${stallMs}`;
  const headers = isChunked ? {} : { 'content-length': bytes };
  const req = request({ port, path, method: 'POST', headers, agent: false });
  const answered = once(req, 'response');
  bodyStream({ seed, bytes }).pipe(req);
  const [res] = (await answered) as [IncomingMessage];
  const said = await text(res);
  return res.statusCode === 200 && said === 'true' ? 'whole' : `${res.statusCode} ${said}`;
}

async function download(job: BodyJob, seed: number): Promise<string> {
  const { port, bytes, isChunked, stallMs } = job;
  const path = `${job.path}?seed=${seed}&bytes=${bytes}${isChunked ? '&chunked' : ''}`;
  const [res] = (await once(request({ port, path, agent: false }).end(), 'response')) as [IncomingMessage];
  if (stallMs > 0) await sleep(stallMs);
  const check = new BodyCheck({ seed, bytes });
  for await (const chunk of res as AsyncIterable<Buffer>) check.add(chunk);
  return check.isWhole() ? 'whole' : `${res.statusCode}, and not the bytes that were sent`;
}

async function run(job: BodyJob): Promise<BodyResult> {
  const startedAt = performance.now();
  const transfer = job.direction === 'up' ? upload : download;
  const ends = await Promise.all(
    Array.from({ length: job.parallel }, (_, seed) => transfer(job, seed).catch((error: unknown) => String(error))),
  );
  return { ends, seconds: (performance.now() - startedAt) / 1000 };
}

process.on('message', (job: BodyJob) => {
  void run(job).then((result) => process.send?.(result));
});
process.send?.('ready');
