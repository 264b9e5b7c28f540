// A program: the service that large bodies go to and come from. In a process of its own, whose memory nobody counts.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BodyCheck, type BodyId, bodyStream } from './pattern.ts';

const server = createServer((req, res) => {
  const query = new URL(req.url ?? '', 'http://service').searchParams;
  const id = { seed: Number(query.get('seed')), bytes: Number(query.get('bytes')) };
  if (req.method === 'GET') return sendBody(res, id, query.has('chunked'));
  takeBody(req, id, Number(query.get('stallMs'))).then(
    (isWhole) => res.end(String(isWhole)),
    () => res.destroy(),
  );
});

function sendBody(res: ServerResponse, id: BodyId, isChunked: boolean): void {
  if (!isChunked) res.setHeader('Content-Length', id.bytes);
  const body = bodyStream(id);
  res.on('close', () => body.destroy());
  body.pipe(res);
}

async function takeBody(req: IncomingMessage, id: BodyId, stallMs: number): Promise<boolean> {
  if (stallMs > 0) await sleep(stallMs);
  const check = new BodyCheck(id);
  for await (const chunk of req as AsyncIterable<Buffer>) check.add(chunk);
  return check.isWhole();
}

server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
