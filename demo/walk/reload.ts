import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { signAccessToken } from '../services/auth/sign-access-token.ts';
import { insist, type Scene } from './scene.ts';

const CONNECTIONS = 32;
/** A pause between requests keeps every client below its limit of 1000. */
const PAUSE_MS = 20;
const LEAD_MS = 300;

/** Step. */
export async function reloadInTraffic(scene: Scene): Promise<void> {
  const { stage, print, send } = scene;
  const startedAt = Date.now();
  const before = await workerPids(scene);
  const traffic = startTraffic(scene);
  await sleep(LEAD_MS, undefined, { signal: scene.signal });
  print.request({ path: '/api/v1/crm/companies' }, `${CONNECTIONS} users on kept-alive connections, without a break`);
  print.act('pm2 reload ecosystem.config.js --update-env', `workers ${before.join(' and ')}`);
  const reloadMs = await timed(() => stage.reload());
  await sleep(LEAD_MS, undefined, { signal: scene.signal });
  const { answered, failures, slowestMs } = await traffic.stop();
  const after = await workerPids(scene);
  print.notice(
    `Reloaded in ${(reloadMs / 1000).toFixed(1)} s: workers ${after.join(' and ')}. ` +
      `${answered + failures.length} requests, ${failures.length} failed; the slowest took ${Math.round(slowestMs)} ms.`,
  );
  await showLifecycle(scene, { sinceMs: startedAt });
  insist(failures.length === 0, '0 failed requests', `${failures.length}: ${[...new Set(failures)].join(', ')}`);
  insist(
    after.length === before.length && after.every((pid) => !before.includes(pid)),
    'two new workers',
    `${before} before, ${after} after`,
  );
  const ready = await send({ path: '/health/ready' });
  insist(ready.status === 200, '/health/ready: 200', ready.status);
}

/** Users who each send one request after the other on a connection of their own. */
function startTraffic({ stage, send, signal }: Scene) {
  const failures: string[] = [];
  const stopping = new AbortController();
  let answered = 0;
  let slowestMs = 0;
  const browse = async (user: number) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const token = signAccessToken(guest(user), tokenSettingsOf(stage.tokens));
    while (!stopping.signal.aborted && !signal.aborted) {
      try {
        const { status, ms } = await send({ path: '/api/v1/crm/companies', token, agent });
        if (status === 200) answered++;
        else failures.push(`status ${status}`);
        slowestMs = Math.max(slowestMs, ms);
      } catch (error) {
        if (!signal.aborted) failures.push(error instanceof Error ? error.message : String(error));
      }
      await sleep(PAUSE_MS);
    }
    agent.destroy();
  };
  const all = Promise.all(Array.from({ length: CONNECTIONS }, (_, user) => browse(user)));
  return {
    async stop() {
      stopping.abort();
      await all;
      signal.throwIfAborted();
      return { answered, failures, slowestMs };
    },
  };
}

function guest(user: number) {
  const id = `user-guest-${user}`;
  return { id, email: `${id}@brightpath.example`, name: `Guest ${user}`, roles: ['client'], tenantId: 'brightpath' };
}

function tokenSettingsOf({ JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE }: Scene['stage']['tokens']) {
  return { signingSecret: JWT_SECRET, issuer: JWT_ISSUER, audience: JWT_AUDIENCE };
}

async function workerPids({ send }: Scene): Promise<number[]> {
  const { body } = await send({ path: '/health/detailed' });
  const { workers = [] } = body as { workers?: { pid: number }[] };
  return workers.map(({ pid }) => pid);
}

/** How often each thing was said by the workers, old and new. */
async function showLifecycle({ print, logs }: Scene, { sinceMs }: { sinceMs: number }): Promise<void> {
  const lines = await logs.lifecycle(sinceMs);
  for (const wanted of ['ready', 'stopping', 'stopped']) {
    const found = lines.filter(({ message }) => message === wanted);
    const why = found[0]?.why;
    print.log('combined.log', { message: wanted, why, workers: found.map(({ worker }) => worker).join(' and ') });
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
