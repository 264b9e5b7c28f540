import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { seededUsers } from '../../demo/services/auth/seeded-users.ts';
import { signAccessToken, type TokenSettings } from '../../demo/services/auth/sign-access-token.ts';
import type { Stage } from '../../demo/stage/open-stage.ts';
import type { Cast } from '../generator/play-users.mts';
import { UsageError } from '../options.ts';

/** So many that none of them comes near 1,000 requests per 15 minutes: the longest profile sends 35,000. */
const USERS = 200;
const TENANT = 'brightpath';
const COMPANY = 'acme';
const TICKET = '42';

/** The cast for a stage of our own. Some of it can log in; the others have tokens that the auth service could have signed. */
export function castOfStage({ tokens }: Pick<Stage, 'tokens'>): Cast {
  const { JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE } = tokens;
  const settings = { signingSecret: JWT_SECRET, issuer: JWT_ISSUER, audience: JWT_AUDIENCE };
  return {
    users: usersWith(signedTokens(settings, TENANT)),
    credentials: seededUsers
      .filter(({ tenantId }) => tenantId === TENANT)
      .map(({ email, password }) => ({ email, password })),
    company: COMPANY,
    ticket: TICKET,
  };
}

/**
 * The cast for a gateway that runs already: tokens from a file, or signed with its secret.
 * @throws {UsageError} if the environment has neither
 */
export function castOfTarget(environment: NodeJS.ProcessEnv): Cast {
  const {
    LOADTEST_TOKENS,
    LOADTEST_TENANT = TENANT,
    LOADTEST_COMPANY = COMPANY,
    LOADTEST_TICKET = TICKET,
  } = environment;
  const tokens =
    LOADTEST_TOKENS === undefined
      ? signedTokens(readTokenSettings(environment), LOADTEST_TENANT)
      : readTokens(LOADTEST_TOKENS);
  return { users: usersWith(tokens), credentials: [], company: LOADTEST_COMPANY, ticket: LOADTEST_TICKET };
}

/** An address each, as they would have behind nginx, so that their logins don't count as one client's. */
function usersWith(tokens: readonly string[]): Cast['users'] {
  return tokens.map((token, index) => ({ token, address: `10.20.${Math.floor(index / 250)}.${(index % 250) + 1}` }));
}

function signedTokens(settings: TokenSettings, tenantId: string): string[] {
  // Users of their own for each run, or the requests of the last one would count against the limits of this.
  const run = randomBytes(4).toString('hex');
  return Array.from({ length: USERS }, (_, index) => {
    const id = `load-${run}-${index}`;
    return signAccessToken({ id, name: id, email: `${id}@load.example`, roles: ['agent'], tenantId }, settings);
  });
}

function readTokenSettings({ JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE }: NodeJS.ProcessEnv): TokenSettings {
  if (!JWT_SECRET || !JWT_ISSUER || !JWT_AUDIENCE) {
    throw new UsageError(
      'A TARGET needs users: set LOADTEST_TOKENS to a file with a token in each line, or JWT_SECRET, JWT_ISSUER and JWT_AUDIENCE to those of the target.',
    );
  }
  return { signingSecret: JWT_SECRET.split(',')[0]?.trim() ?? '', issuer: JWT_ISSUER, audience: JWT_AUDIENCE };
}

function readTokens(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`LOADTEST_TOKENS: ${error instanceof Error ? error.message : error}`);
  }
  const tokens = text.split(/\s+/).filter((token) => token !== '');
  if (tokens.length === 0) throw new UsageError(`LOADTEST_TOKENS: there is no token in ${file}.`);
  return tokens;
}
