import { Agent } from 'node:http';
import { credentialsOf, field, logIn, tokenOf } from './main-job.ts';
import { insist, type Scene, showAccessLine } from './scene.ts';
import type { Answer } from './send.ts';

/** From a range that is kept for documentation; the gateway believes it because its peer, loopback, is a trusted proxy. */
const ATTACKER = '203.0.113.66';

const LIMIT = 5;
/** Each failure counts for both of two workers then: 3 of them are more than 5. */
const LIMIT_OF_ONE_WORKER = 3;

/** Step. */
export async function sendNoToken({ ask }: Scene): Promise<void> {
  const answer = await ask({
    path: '/api/v1/crm/companies',
    note: 'no token',
    expect: 401,
    show: (refusal) => [`WWW-Authenticate: ${refusal.headers['www-authenticate']}`, ...problemFacts(refusal)],
  });
  insist(field(answer, 'reason') === 'auth_missing', 'reason: auth_missing', answer.body);
}

/** Step. */
export async function deleteWithoutRole(scene: Scene): Promise<void> {
  await logIn(scene, 'carla');
  const answer = await scene.ask({
    method: 'DELETE',
    path: '/api/v1/crm/companies/lindqvist',
    token: tokenOf(scene, 'carla'),
    note: "Carla's token",
    expect: 403,
    show: problemFacts,
  });
  insist(field(answer, 'reason') === 'scope_missing', 'reason: scope_missing', answer.body);
}

/** Step. */
export async function askWhy(scene: Scene): Promise<void> {
  const { ask, print, send, stage, until } = scene;
  if (stage.redis === undefined) return print.notice('Without Redis nothing is kept of refusals but their log lines.');
  const token = tokenOf(scene, 'carla');
  const refusal = await send({ method: 'DELETE', path: '/api/v1/crm/companies/lindqvist', token });
  const path = `/api/v1/_explain/${refusal.headers['x-request-id']}`;
  await until('an explanation', async () => (await send({ path, token })).status === 200);
  const answer = await ask({
    path,
    token,
    note: "Carla's token",
    expect: 200,
    show: (why) => [...problemFacts(why), `“${field(why, 'whatHelps')}”`],
  });
  insist(field(answer, 'reason') === 'scope_missing', 'reason: scope_missing', answer.body);
  await ask({ path, note: 'from a stranger, to whom there is no such path', expect: 404, show: problemFacts });
}

/** Step. */
export async function guessPasswords(scene: Scene): Promise<void> {
  const { print, stage } = scene;
  if (stage.redis !== undefined) return guessFrom(scene, { limit: LIMIT, agent: undefined });
  print.notice(`Without Redis each worker counts for itself: one refuses after ${LIMIT_OF_ONE_WORKER} failures.`);
  // One connection, or the guesses would be spread over both.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await guessFrom(scene, { limit: LIMIT_OF_ONE_WORKER, agent }).finally(() => agent.destroy());
}

interface Guessing {
  /** Failures that are allowed. */
  readonly limit: number;
  readonly agent: Agent | undefined;
}

async function guessFrom(scene: Scene, guessing: Guessing): Promise<void> {
  const { ask } = scene;
  const { agent } = guessing;
  await failToLogIn(scene, guessing);
  const refusal = await ask({
    ...loginWith('guess-again'),
    agent,
    note: `from ${ATTACKER}, once more`,
    expect: 429,
    show: (answer) => [`Retry-After: ${answer.headers['retry-after']}`, ...problemFacts(answer)],
  });
  const wait = Number(refusal.headers['retry-after']);
  insist(wait > 0 && wait <= 900, 'Retry-After: 1 to 900 seconds', refusal.headers['retry-after']);
  const { password } = credentialsOf('ada');
  const note = `from ${ATTACKER}, now the right one`;
  await ask({ ...loginWith(password), agent, note, expect: 429, show: problemFacts });
  await ask({
    method: 'POST',
    path: '/api/v1/auth/login',
    json: credentialsOf('ada'),
    note: 'from 127.0.0.1: other addresses are not affected',
    expect: 200,
  });
}

/** Fails as often as is allowed; each failure is on record before the next attempt. */
async function failToLogIn(scene: Scene, { limit, agent }: Guessing): Promise<void> {
  const { print, send, logs, until } = scene;
  print.request(loginWith(''), `from ${ATTACKER}, wrong passwords, ${limit} times`);
  const answers: Answer[] = [];
  for (let attempt = 1; attempt <= limit; attempt++) {
    const answer = await send({ ...loginWith(`guess-${attempt}`), agent });
    await until('a line in access.log', () => logs.access(answer.headers['x-request-id']));
    answers.push(answer);
  }
  const statuses = answers.map(({ status }) => status);
  const last = answers.at(-1);
  insist(last !== undefined && statuses.every((status) => status === 401), `${limit} times 401`, statuses);
  const meanMs = answers.reduce((sum, { ms }) => sum + ms, 0) / limit;
  print.answer({ status: 401, ms: meanMs }, `on average, ${limit} times`, `“${field(last, 'detail')}”`);
  await showAccessLine(scene, last);
}

function loginWith(password: string) {
  return {
    method: 'POST',
    path: '/api/v1/auth/login',
    json: { email: credentialsOf('ada').email, password },
    headers: { 'x-forwarded-for': ATTACKER },
  };
}

/** What a problem answer says to a program and to a person. */
export function problemFacts(answer: Answer): string[] {
  return [`reason: ${field(answer, 'reason')}`, `“${field(answer, 'detail')}”`];
}
