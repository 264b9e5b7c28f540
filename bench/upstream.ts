// The service behind every contender: 220 bytes of JSON, as fast as Node can answer.
import { createServer } from 'node:http';

const BODY_BYTES = 220;
const frame = JSON.stringify({ id: 'acme', name: 'Acme', note: '' });
const body = JSON.stringify({ id: 'acme', name: 'Acme', note: 'x'.repeat(BODY_BYTES - frame.length) });

const server = createServer({ keepAliveTimeout: 120_000 }, (_req, res) => {
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  res.end(body);
});
server.listen(Number(process.env.PORT), '127.0.0.1');
