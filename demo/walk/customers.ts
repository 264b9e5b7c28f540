import { TRIAL_QUOTA } from '../stage/open-stage.ts';
import { field, logIn, tokenOf } from './main-job.ts';
import { problemFacts } from './refusals.ts';
import { insist, type Scene } from './scene.ts';
import type { Answer, Call } from './send.ts';

/** Dmitri's: none of the other steps is about it. */
const TENANT = 'kestrel';

const TICKETS = '/api/v1/tickets';
const COMPANIES = '/api/v1/crm/companies';

/** Connections are dealt to two workers in turn: so many equal answers are of both. */
const IN_A_ROW = 4;
/** A second is promised; a machine that is busy with other things gets another half. */
const KNOWN_WITHIN_MS = 1500;

/** Step. */
export async function letMachineIn(scene: Scene): Promise<void> {
  const { ask, print, stage } = scene;
  if (stage.redis === undefined) return print.notice(WITHOUT_REDIS);
  const made = JSON.parse(
    await operate(scene, ['keys', 'create', '--owner', 'billing', '--tenant', TENANT, '--expires', '90d'], '--json'),
  ) as { id: string; key: string };
  print.notice(`It prints the key, once: psa_${made.id}_… Kept is its hash.`);
  const call = { path: TICKETS, headers: { 'x-api-key': made.key } };
  await untilAll(scene, { call, what: 'the key to be taken', isWanted: ({ status }) => status === 200 });
  await ask({ ...call, note: 'X-API-Key', expect: 200, show: ticketFacts });
  await operate(scene, ['keys', 'revoke', made.id]);
  await refusedWithin(scene, call);
  const refusal = await ask({ ...call, note: 'X-API-Key', expect: 401, show: problemFacts });
  insist(field(refusal, 'reason') === 'token_revoked', 'reason: token_revoked', refusal.body);
}

/** Step. */
export async function useUpQuota(scene: Scene): Promise<void> {
  const { ask, print, send, stage, until } = scene;
  if (stage.redis === undefined) return print.notice(WITHOUT_REDIS);
  await logIn(scene, 'dmitri');
  await operate(scene, ['tenants', 'plan', TENANT, 'trial']);
  const call = { path: COMPANIES, token: tokenOf(scene, 'dmitri') };
  await until('both workers to know the plan', () => areTenantsKnown(scene));
  await ask({ ...call, note: "Dmitri's token", expect: 200, show: quotaFacts });
  print.request(call, `again, until the ${TRIAL_QUOTA} requests of the month are used up`);
  for (let calls = 1; calls < TRIAL_QUOTA; calls++) await send(call);
  const refusal = await ask({
    ...call,
    expect: 429,
    show: (answer) => [...quotaFacts(answer), ...problemFacts(answer)],
  });
  insist(refusal.headers['x-quota-remaining'] === '0', 'X-Quota-Remaining: 0', refusal.headers['x-quota-remaining']);
  await operate(scene, ['tenants', 'plan', TENANT, 'premium']);
  await untilAll(scene, { call, what: 'the better plan to hold', isWanted: ({ status }) => status === 200 });
  await ask({ ...call, note: 'in the same month', expect: 200, show: quotaFacts });
}

/** Step. */
export async function suspendCustomer(scene: Scene): Promise<void> {
  const { ask, print, stage } = scene;
  if (stage.redis === undefined) return print.notice(WITHOUT_REDIS);
  const call = { path: COMPANIES, token: tokenOf(scene, 'dmitri') };
  await operate(scene, ['tenants', 'suspend', TENANT]);
  await refusedWithin(scene, call);
  const refusal = await ask({ ...call, note: "Dmitri's token", expect: 403, show: problemFacts });
  insist(field(refusal, 'reason') === 'tenant_suspended', 'reason: tenant_suspended', refusal.body);
  await ask({ path: COMPANIES, token: tokenOf(scene, 'ada'), note: 'Ada, of another tenant', expect: 200 });
  await operate(scene, ['tenants', 'activate', TENANT]);
  await untilAll(scene, { call, what: 'Dmitri to be let in', isWanted: ({ status }) => status === 200 });
  await ask({ ...call, note: "Dmitri's token", expect: 200 });
}

const WITHOUT_REDIS = 'Without Redis the operator can tell the workers nothing, and nothing is told here.';

/** Runs the operator's command and shows it. `hidden` arguments are for us, not for the reader. */
async function operate({ print, stage }: Scene, args: string[], ...hidden: string[]): Promise<string> {
  print.act(`npx gateway ${args.join(' ')}`);
  return stage.gateway(...args, ...hidden);
}

/** Says how long it takes both workers to refuse what they took before. */
async function refusedWithin(scene: Scene, call: Call): Promise<void> {
  const startedAt = performance.now();
  await untilAll(scene, { call, what: 'both workers to refuse', isWanted: ({ status }) => status >= 400 });
  const ms = Math.round(performance.now() - startedAt);
  scene.print.notice(`Both workers know after ${ms} ms.`);
  insist(ms <= KNOWN_WITHIN_MS, 'both workers to refuse within a second', `${ms} ms`);
}

interface Wanted {
  readonly call: Call;
  readonly what: string;
  readonly isWanted: (answer: Answer) => boolean;
}

/** Asks until all workers answer as they should. */
async function untilAll({ until, send }: Scene, { call, what, isWanted }: Wanted): Promise<void> {
  let count = 0;
  await until(what, async () => {
    count = isWanted(await send(call)) ? count + 1 : 0;
    return count >= IN_A_ROW;
  });
}

/** Whether every worker has heard of the first tenant with a record. Asking as that tenant would use its quota up. */
async function areTenantsKnown({ send }: Scene): Promise<boolean> {
  const { body } = await send({ path: '/health/detailed' });
  const { workers = [] } = body as { workers?: { sharedState: { records: Record<string, number> } }[] };
  return workers.every(({ sharedState }) => sharedState.records.tenants === 1);
}

function ticketFacts({ body }: Answer): string[] {
  const { items = [] } = body as { items?: { subject: string }[] };
  return items.slice(0, 2).map(({ subject }) => `“${subject}”`);
}

function quotaFacts({ headers }: Answer): string[] {
  return ['Limit', 'Remaining', 'Reset'].map((name) => `X-Quota-${name}: ${headers[`x-quota-${name.toLowerCase()}`]}`);
}
