// What Artillery loads. Named .mts, because it would bundle a .ts file; this one Node reads as it is.
import { readFileSync } from 'node:fs';
import './record-requests.ts';

/** Whom the generator plays: written by the runner, read by every thread of Artillery. */
export interface Cast {
  /** Each with a token, and an address of its own for X-Forwarded-For. */
  readonly users: readonly { readonly token: string; readonly address: string }[];
  /** Who can log in; nobody at a gateway that isn't ours. */
  readonly credentials: readonly { readonly email: string; readonly password: string }[];
  /** What the users ask for. */
  readonly company: string;
  readonly ticket: string;
}

/** What Artillery keeps of a virtual user; its variables stand in the profiles as `{{ name }}`. */
interface Context {
  readonly vars: Record<string, unknown>;
}

type Done = (error?: Error) => void;

const { users, credentials, company, ticket } = JSON.parse(
  readFileSync(process.env.LOADTEST_CAST ?? '', 'utf8'),
) as Cast;
let turn = 0;

/** A step of a scenario: from here on the virtual user is the next one of the users, so that all get their share of the limits. */
export function takeUser({ vars }: Context, _events: unknown, done: Done): void {
  turn++;
  Object.assign(vars, users[turn % users.length], { company, ticket }, credentials[turn % credentials.length]);
  done();
}

/** Whether a step should be taken that needs a password. */
export function mayLogIn({ email }: Context['vars']): boolean {
  return email !== undefined;
}

/** After a login: from here on the virtual user goes by the token that was answered. */
export function keepToken(
  _request: unknown,
  answer: { body: string },
  { vars }: Context,
  _events: unknown,
  done: Done,
): void {
  // Any other answer has been counted as an error; the virtual user goes on with the token that it has.
  const { accessToken } = parsed(answer.body);
  if (accessToken !== undefined) vars.token = accessToken;
  done();
}

function parsed(body: string): { accessToken?: unknown } {
  try {
    return JSON.parse(body) as { accessToken?: unknown };
  } catch {
    return {};
  }
}
