import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';

/** Shortest and longest time after an answer at which the service closes its idle connection. */
const IDLE_MS = { from: 0, to: 8 };

/** How many requests of each kind; more by hand, as in `STALE_TEST_REQUESTS=100000`. */
const REQUESTS = Number(process.env.STALE_TEST_REQUESTS ?? 2000);
const LANES = 8;
/** A pause of 4 ms each on average, and a slow machine. */
const PATIENCE_MS = 180_000 + REQUESTS * 10;

let gateway: TestGateway;
let service: Awaited<ReturnType<typeof hastyService>>;

/** A service that closes each connection at a random moment after an answer, by turns in order and by a reset. */
async function hastyService() {
  const deliveries = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();
  const sockets = new Set<Socket>();
  let closings = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let text = '';
    let closing: NodeJS.Timeout | undefined;
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const [, method = '', id = ''] = /^(\w+) \/(\S+) HTTP/.exec(text) ?? [];
      if (!text.includes('\r\n\r\n') || (method === 'POST' && !text.endsWith('!'))) return;
      text = '';
      clearTimeout(closing);
      deliveries.set(id, (deliveries.get(id) ?? 0) + 1);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      closing = setTimeout(
        () => {
          if (closings++ % 2 === 0) socket.end();
          else socket.resetAndDestroy();
        },
        IDLE_MS.from + Math.random() * (IDLE_MS.to - IDLE_MS.from),
      );
      timers.add(closing);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    deliveries,
    closings: () => closings,
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

beforeEach(async () => {
  service = await hastyService();
  gateway = await startGateway({
    upstreams: {
      crm: { url: `http://127.0.0.1:${service.port}`, breaker: { minimumCalls: 100_000, windowSeconds: 1 } },
    },
  });
});

afterEach(async () => {
  await gateway.stop();
  await service.stop();
});

/** All requests in eight lanes, with pauses that reach into the time at which connections are closed. */
async function sendAll(options: { method: string; body?: string }): Promise<Answer[]> {
  const lane = async (name: number) => {
    const answers: Answer[] = [];
    for (let n = 0; n < REQUESTS / LANES; n++) {
      answers.push(await call(`${gateway.url}/open/crm/${name}-${n}`, options));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * IDLE_MS.to));
    }
    return answers;
  };
  return (await Promise.all(Array.from({ length: LANES }, (_, name) => lane(name)))).flat();
}

describe('a service that closes idle connections at random', () => {
  it(
    `costs none of ${REQUESTS} GETs`,
    async () => {
      const answers = await sendAll({ method: 'GET' });
      const lost = answers.filter(({ status, failure }) => status !== 200 || failure !== undefined);
      expect(lost.map((answer) => answer.failure ?? reasonOf(answer))).toEqual([]);
      expect(service.deliveries.size).toBe(REQUESTS);
      expect(service.closings()).toBeGreaterThan(REQUESTS / 20);
    },
    PATIENCE_MS,
  );

  it(
    `is never sent one of ${REQUESTS} POSTs twice`,
    async () => {
      const answers = await sendAll({ method: 'POST', body: 'pay!' });
      const twice = [...service.deliveries].filter(([, count]) => count > 1);
      expect(twice).toEqual([]);
      const failed = answers.filter(({ status }) => status !== 200);
      for (const answer of failed) expect([answer.status, reasonOf(answer)]).toEqual([502, 'upstream_reset']);
      expect(service.closings()).toBeGreaterThan(REQUESTS / 20);
    },
    PATIENCE_MS,
  );
});
