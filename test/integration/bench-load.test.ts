import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { closedLoop } from '../../bench/measure/closed-loop.ts';
import { openLoop } from '../../bench/measure/open-loop.ts';
import { requestBytes } from '../../bench/rig/rig.ts';

let server: Server;
const expected = { status: 200, bodyBytes: 2 };
const request = requestBytes('/x', { 'user-agent': 'test' });

async function startServer(answer: (res: ServerResponse, index: number) => void): Promise<number> {
  let count = 0;
  server = createServer((_req, res) => answer(res, count++)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const answerOk = (res: ServerResponse) => void res.setHeader('Content-Length', 2).end('ok');

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('the open loop', () => {
  it('charges a pause of the server to every request that was due meanwhile', async () => {
    const pauseMs = 400;
    let pausedUntil = 0;
    const port = await startServer((res, index) => {
      if (index === 50) pausedUntil = performance.now() + pauseMs;
      setTimeout(() => answerOk(res), Math.max(0, pausedUntil - performance.now()));
    });
    const figures = await openLoop({ port, request, expected, connections: 2, perSecond: 200, seconds: 1 });
    // Of 200 requests some 80 were due in the pause. A loop that waits for answers would have sent two.
    expect(figures.requests).toBe(200);
    expect(figures.p95).toBeGreaterThan(pauseMs / 2);
  });

  it('ends at the first answer that is wrong', async () => {
    const port = await startServer((res, index) => {
      if (index === 20) res.statusCode = 503;
      answerOk(res);
    });
    const run = openLoop({ port, request, expected, connections: 4, perSecond: 200, seconds: 1 });
    await expect(run).rejects.toThrow('status 503');
  });
});

describe('the closed loop', () => {
  it('sends exactly so many requests', async () => {
    let count = 0;
    const port = await startServer((res) => {
      count++;
      answerOk(res);
    });
    await closedLoop({ port, nextRequest: () => request, expected, connections: 4, requests: 101 });
    expect(count).toBe(101);
  });

  it('ends when the server closes a connection in the middle of an answer', async () => {
    const port = await startServer((res, index) => {
      if (index < 10) return answerOk(res);
      res.setHeader('Content-Length', 2).write('o');
      setImmediate(() => res.destroy());
    });
    const run = closedLoop({ port, nextRequest: () => request, expected, connections: 2, requests: 50 });
    await expect(run).rejects.toThrow('the connection was closed');
  });
});
