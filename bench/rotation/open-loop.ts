import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface OpenLoopResult {
  /** The ids of all requests that got a whole answer. */
  readonly answered: string[];
  /** Those that did not, or got another status than 200, by what happened. */
  readonly failures: Readonly<Record<string, number>>;
}

interface OpenLoopOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly perSecond: number;
  readonly seconds: number;
}

const CONNECTIONS = 64;
const STEP_MS = 10;

/** Sends so many requests per second over kept-alive connections, whether or not earlier ones have been answered. */
export async function openLoop({ url, headers, perSecond, seconds }: OpenLoopOptions): Promise<OpenLoopResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const answered: string[] = [];
  const failures: Record<string, number> = {};
  const fail = (what: string) => {
    failures[what] = (failures[what] ?? 0) + 1;
  };
  const send = () =>
    new Promise<void>((resolve) => {
      const finish = (failure?: string) => {
        if (failure !== undefined) fail(failure);
        resolve();
      };
      const call = request(url, { agent, headers }, (res) => {
        res.resume();
        res.on('error', (error) => finish(error.message));
        res.on('end', () => {
          answered.push(String(res.headers['x-request-id']));
          finish(res.statusCode === 200 ? undefined : `status ${res.statusCode}`);
        });
      });
      call.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message)).end();
    });
  const underWay: Promise<void>[] = [];
  const startedAt = performance.now();
  const total = perSecond * seconds;
  while (underWay.length < total) {
    const due = Math.min(total, ((performance.now() - startedAt) / 1000) * perSecond);
    while (underWay.length < due) underWay.push(send());
    await sleep(STEP_MS);
  }
  await Promise.all(underWay);
  agent.destroy();
  return { answered, failures };
}
