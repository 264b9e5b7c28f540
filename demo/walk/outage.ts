import { OPEN_SECONDS } from '../stage/open-stage.ts';
import { healthFacts, tokenOf } from './main-job.ts';
import { problemFacts } from './refusals.ts';
import { insist, type Scene, showAccessLine } from './scene.ts';
import type { Answer } from './send.ts';

const WORKERS = 2;
/** Both breakers open after ten calls each; connections are dealt to the workers in turn. */
const MOST_CALLS = 60;
/** An open breaker answers by itself. Generous, for a machine that is busy with other things. */
const FAST_MS = 250;

const TICKET = '/api/v1/tickets/42';

/** Step. */
export async function killTickets(scene: Scene): Promise<void> {
  const { stage, print, ask } = scene;
  const startedAt = Date.now();
  const token = tokenOf(scene, 'ada');
  print.act(`kill -9 ${stage.services.tickets.pid}`, 'the tickets service');
  await stage.killTickets();
  await failUntilOpen(scene, token);
  const refusal = await ask({
    path: TICKET,
    token,
    expect: 503,
    show: (answer) => [`Retry-After: ${answer.headers['retry-after']}`, ...problemFacts(answer)],
  });
  insist(refusal.ms < FAST_MS, `an answer within ${FAST_MS} ms`, `${Math.round(refusal.ms)} ms`);
  await ask({ path: '/api/v1/crm/companies', token, note: 'the CRM is not affected', expect: 200 });
  const health = await ask({ path: '/health', note: 'still serving', expect: 200, show: healthFacts });
  const { status } = health.body as { status?: unknown };
  insist(status === 'degraded', 'status: degraded', status);
  await showBreakerLines(scene, { state: 'OPEN', sinceMs: startedAt });
}

/** Calls the dead service until the breaker of every worker has opened. */
async function failUntilOpen(scene: Scene, token: string): Promise<void> {
  const { print, send } = scene;
  print.request({ path: TICKET }, 'again and again, until the breakers of both workers have seen 10 calls');
  const failures: Answer[] = [];
  for (let calls = 0; calls < MOST_CALLS && !(await areAll(scene, 'OPEN')); calls += WORKERS) {
    // As many as there are workers between two looks, or the looks would always go to one and the calls to the other.
    for (let worker = 0; worker < WORKERS; worker++) {
      const answer = await send({ path: TICKET, token });
      if (answer.status === 502) failures.push(answer);
    }
  }
  const [first] = failures;
  insist(first !== undefined, 'status 502 while the breakers are closed', 'none');
  const meanMs = failures.reduce((sum, { ms }) => sum + ms, 0) / failures.length;
  print.answer({ status: 502, ms: meanMs }, `on average, ${failures.length} times`, ...problemFacts(first));
  await showAccessLine(scene, failures.at(-1) ?? first);
  insist(await areAll(scene, 'OPEN'), 'the breaker of tickets OPEN in both workers', await breakerStates(scene));
}

/** Step. */
export async function reviveTickets(scene: Scene): Promise<void> {
  const { stage, print, ask, send, until } = scene;
  const startedAt = Date.now();
  const token = tokenOf(scene, 'ada');
  await stage.startTickets();
  print.act('node demo/services/serve.ts tickets', `pid ${stage.services.tickets.pid}, the same port`);
  print.notice(`Waiting for the breakers to half-open, ${OPEN_SECONDS} s after they opened …`);
  await until('the breaker of tickets HALF_OPEN in both workers', () => areAll(scene, 'HALF_OPEN'));
  for (const note of ['the trial of one worker', 'the trial of the other']) {
    await ask({ path: TICKET, token, note, expect: 200, show: ({ body }) => [String((body as Ticket).subject)] });
  }
  await until('the breaker of tickets CLOSED in both workers', async () => {
    if (await areAll(scene, 'CLOSED')) return true;
    // Both trials may have met the same worker. As many as there are workers, as in failUntilOpen.
    for (let worker = 0; worker < WORKERS; worker++) await send({ path: TICKET, token });
    return false;
  });
  const expected = stage.redis === undefined ? 'degraded' : 'healthy';
  const { body } = await ask({ path: '/health', expect: 200, show: healthFacts });
  const { status } = body as { status?: unknown };
  insist(status === expected, `status: ${expected}`, status);
  await showBreakerLines(scene, { state: 'HALF_OPEN', sinceMs: startedAt });
  await showBreakerLines(scene, { state: 'CLOSED', sinceMs: startedAt });
}

interface Ticket {
  readonly subject?: string;
}

/** The state of the tickets breaker in every worker. */
async function breakerStates({ send }: Scene): Promise<string[]> {
  const { body } = await send({ path: '/health/detailed' });
  const { workers = [] } = body as { workers?: { circuitBreakers: { tickets: { state: string } } }[] };
  insist(workers.length === WORKERS, `${WORKERS} workers in /health/detailed`, workers.length);
  return workers.map(({ circuitBreakers }) => circuitBreakers.tickets.state);
}

async function areAll(scene: Scene, wanted: string): Promise<boolean> {
  return (await breakerStates(scene)).every((state) => state === wanted);
}

async function showBreakerLines(
  { print, logs, until }: Scene,
  { state, sinceMs }: { state: string; sinceMs: number },
): Promise<void> {
  const lines = await until(`a line on ${state} of each worker in combined.log`, async () => {
    const found = (await logs.lifecycle(sinceMs)).filter((line) => line.upstream === 'tickets' && line.state === state);
    return found.length >= WORKERS && found;
  });
  const workers = lines.map(({ worker }) => worker).toSorted();
  print.log('combined.log', { level: lines[0]?.level, message: lines[0]?.message, workers: workers.join(' and ') });
}
