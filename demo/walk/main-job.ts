import { insist, type Scene, Unexpected } from './scene.ts';
import type { Answer } from './send.ts';

/** The people of the demo who log in, with passwords that are public. @see demo/services/auth/seeded-users.ts */
const CREDENTIALS = {
  ada: { email: 'ada@brightpath.example', password: 'demo-only-ada-admin' },
  carla: { email: 'carla@brightpath.example', password: 'demo-only-carla-client' },
  dmitri: { email: 'dmitri@kestrel.example', password: 'demo-only-dmitri-admin' },
} as const;

/** A first name. */
export type User = keyof typeof CREDENTIALS;

/** What a client posts to log in. */
export function credentialsOf(user: User): { email: string; password: string } {
  return CREDENTIALS[user];
}

/** Logs somebody in, for all later steps. */
export async function logIn(scene: Scene, user: User): Promise<void> {
  const { body } = await scene.ask({
    method: 'POST',
    path: '/api/v1/auth/login',
    json: credentialsOf(user),
    note: credentialsOf(user).email,
    expect: 200,
    show: (answer) => [`accessToken: ${String(field(answer, 'accessToken')).slice(0, 24)}…`],
  });
  const { accessToken } = body as { accessToken?: unknown };
  insist(typeof accessToken === 'string', 'an accessToken', body);
  scene.tokens.set(user, accessToken);
}

/**
 * The token of somebody who has logged in.
 * @throws {Unexpected} if that has failed
 */
export function tokenOf({ tokens }: Scene, user: User): string {
  const token = tokens.get(user);
  if (token === undefined) throw new Unexpected(`a token of ${user}, from logging in`, 'none');
  return token;
}

/** Step. */
export async function askHealth({ ask, stage }: Scene): Promise<void> {
  const expected = stage.redis === undefined ? 'degraded' : 'healthy';
  const { body } = await ask({ path: '/health', expect: 200, show: healthFacts });
  const { status } = body as { status?: unknown };
  insist(status === expected, `status: ${expected}`, status);
}

/** What a health answer says, in a few words. */
export function healthFacts({ body }: Answer): string[] {
  const { status, dependencies = {} } = body as {
    status?: string;
    dependencies?: Record<string, { status: string; breaker?: string }>;
  };
  const names = Object.entries(dependencies).map(([name, { breaker, status: own }]) => `${name}: ${breaker ?? own}`);
  return [`status: ${status}`, ...names];
}

/** Step. */
export async function logInAda(scene: Scene): Promise<void> {
  await logIn(scene, 'ada');
}

/** Step. */
export async function listCompanies(scene: Scene): Promise<void> {
  const { body, headers } = await scene.ask({
    path: '/api/v1/crm/companies',
    token: tokenOf(scene, 'ada'),
    note: "Ada's token",
    expect: 200,
    show: (answer) => [...companyNames(answer.body), `RateLimit: ${answer.headers.ratelimit}`],
  });
  insist(companyNames(body).includes('Acme Manufacturing'), 'Acme Manufacturing in the list', body);
  insist(String(headers.ratelimit).includes('"user"'), 'a RateLimit header for the user', headers.ratelimit);
  scene.print.notice('r = requests that Ada has left, t = seconds until they are counted anew.');
}

function companyNames(body: unknown): string[] {
  const { items = [] } = body as { items?: { name: string }[] };
  return items.map(({ name }) => name);
}

/** Step. */
export async function createTicket(scene: Scene): Promise<void> {
  const token = tokenOf(scene, 'ada');
  const created = await scene.ask({
    method: 'POST',
    path: '/api/v1/tickets',
    token,
    json: { subject: 'Scanner in hall 2 reads nothing', priority: 'high', companyId: 'acme' },
    expect: 201,
    show: (answer) => [
      `Location: ${answer.headers.location}`,
      ...['id', 'requesterId', 'tenantId'].map((name) => `${name}: ${field(answer, name)}`),
    ],
  });
  insist(field(created, 'requesterId') === 'user-ada', 'requesterId: user-ada', created.body);
  scene.print.notice('The ticket knows its requester and tenant from the identity headers that the gateway set.');
  await scene.ask({
    method: 'POST',
    path: `/api/v1/tickets/${field(created, 'id')}/comments`,
    token,
    json: { text: 'Is it switched on?' },
    expect: 201,
    show: (answer) => ['id', 'text'].map((name) => `${name}: ${field(answer, name)}`),
  });
}

/** A field of a JSON answer. */
export function field({ body }: Answer, name: string): unknown {
  return (body as Record<string, unknown>)[name];
}
