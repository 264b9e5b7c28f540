import { Agent, request } from 'node:http';
import { until } from '../../test/support/until.ts';

interface SteadyOptions {
  readonly url: string;
  readonly authorization: string;
  readonly perSecond: number;
}

const CONNECTIONS = 32;
const STEP_MS = 20;
/** A service that never answers is given up by the gateway sooner. */
const LAST_ANSWERS_MS = 60_000;

/** Clients that behave, at a steady rate over kept-alive connections. Returns what they were answered, and how to stop them. */
export function steadyClients({ url, authorization, perSecond }: SteadyOptions) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const counts: Record<string, number> = {};
  let underWay = 0;
  const count = (what: string) => {
    underWay--;
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const send = () => {
    underWay++;
    const call = request(url, { agent, headers: { authorization } }, (res) => {
      res.on('error', ({ message }) => count(message)).on('end', () => count(`status ${res.statusCode}`));
      res.resume();
    });
    call.on('error', (error: NodeJS.ErrnoException) => count(error.code ?? error.message)).end();
  };
  let due = 0;
  const timer = setInterval(() => {
    for (due += (perSecond * STEP_MS) / 1000; due >= 1; due--) send();
  }, STEP_MS);
  return {
    counts,
    async stop() {
      clearInterval(timer);
      await until('the last answers', () => underWay === 0, { withinMs: LAST_ANSWERS_MS });
      agent.destroy();
    },
  };
}
