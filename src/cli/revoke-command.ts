import type { Command } from 'commander';
import jwt from 'jsonwebtoken';
import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/load-config.ts';
import { visible } from '../observe/log-text.ts';
import { type RevocationStore, revocationStore } from '../revocation/revocation-store.ts';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { examples } from './examples.ts';
import { type Deed, withFleet } from './fleet.ts';
import { moment, table } from './layout.ts';
import { id as parsedId } from './option-kinds.ts';
import type { Report } from './report.ts';

const EXAMPLES = `
Every worker of every machine knows within a second. API keys are revoked by "gateway keys revoke". Nothing can be taken
back, and need not be: whoever logs in again gets a new token.

Examples:
  $ npx gateway revoke user user-7
  $ npx gateway revoke token < token.txt
  $ npx gateway revoke list`;

/** The longest life of a token that gateway.yaml may allow: nothing revoked comes back, whatever stands there. */
const LONGEST_LIFE_SECONDS = 366 * 86_400;

/** `gateway revoke`. */
export function addRevoke(program: Command, cli: Cli): void {
  const revoke = program.command('revoke').summary('tokens that shall no longer be accepted');
  revoke.description('Ends tokens before they expire.').addHelpText('after', EXAMPLES);
  revoke
    .command('token')
    .description('Revokes one token.')
    .argument('[jti]', 'its jti; without it, the token itself is read from stdin')
    .addHelpText('after', examples('revoke token < token.txt', 'revoke token 5f0c4e0b-8d3a-4c1e-9b7a-2d6f1c3e5a79'))
    .action(cli.reporting(async (jti?: string) => revokedToken(jti ?? (await cli.readInput()).trim(), cli)));
  revoke
    .command('user')
    .description('Revokes all tokens of a user that were issued until now.')
    .argument('<id>', 'the sub of the tokens', parsedId)
    .addHelpText('after', examples('revoke user user-7'))
    .action(cli.reporting((id: string) => revokedAll('user', id, cli)));
  revoke
    .command('tenant')
    .description('Revokes all tokens of a tenant that were issued until now.')
    .argument('<id>', 'the tenantId of the tokens', parsedId)
    .addHelpText('after', examples('revoke tenant acme'))
    .action(cli.reporting((id: string) => revokedAll('tenant', id, cli)));
  revoke
    .command('list')
    .description('Lists what is revoked at the moment.')
    .addHelpText('after', examples('revoke list'))
    .action(cli.reporting(() => listed(cli)));
}

async function revokedToken(given: string, cli: Cli): Promise<Report> {
  if (given === '') throw new CliError('usage', 'Nothing came: expected a jti, or a JWT on stdin.');
  const { jti, exp } = given.includes('.') ? claimsOf(given) : { jti: given, exp: undefined };
  const deed = { command: 'revoke token', target: jti };
  await withStore({ cli, deed }, (store) => store.revokeToken({ jti, expiresAtSeconds: exp }));
  return {
    text: `The token ${visible(jti)} is revoked. Every worker refuses it within a second.`,
    data: { jti, revoked: true },
  };
}

function claimsOf(token: string): { readonly jti: string; readonly exp: number | undefined } {
  const claims = jwt.decode(token, { json: true });
  if (claims === null) throw new CliError('usage', 'This is no token: expected a jti, or a JWT on stdin.');
  const { jti, exp, sub } = claims;
  if (typeof jti === 'string' && jti !== '') return { jti, exp: typeof exp === 'number' ? exp : undefined };
  throw new CliError(
    'usage',
    `The token has no jti, so it can't be told apart. Revoke its user: gateway revoke user ${sub}`,
  );
}

async function revokedAll(kind: 'user' | 'tenant', id: string, cli: Cli): Promise<Report> {
  const deed = { command: `revoke ${kind}`, target: id };
  await withStore({ cli, deed }, (store) => (kind === 'user' ? store.revokeUser(id) : store.revokeTenant(id)));
  const text = `All tokens of ${kind} ${id} that were issued until now are revoked. Every worker refuses them within a second.`;
  return { text, data: { [kind]: id, revoked: true } };
}

async function listed(cli: Cli): Promise<Report> {
  const revocations = await withStore({ cli, deed: { command: 'revoke list' } }, (store) => store.list());
  const rows = revocations.map(({ kind, subject, revokedAtMs, expiresAtMs }) => [
    kind === 'jti' ? 'token' : kind,
    subject,
    moment(revokedAtMs),
    moment(expiresAtMs),
  ]);
  const text = rows.length === 0 ? 'Nothing is revoked.' : table(['WHAT', 'ID', 'ISSUED UNTIL', 'KEPT UNTIL'], rows);
  return { text, data: revocations };
}

function withStore<T>(
  { cli, deed }: { readonly cli: Cli; readonly deed: Deed },
  work: (store: RevocationStore) => Promise<T>,
): Promise<T> {
  const options = { now: cli.now, longestTokenLifeSeconds: longestLifeSeconds(cli) };
  return withFleet({ surroundings: cli, deed: () => deed }, ({ command }) =>
    work(revocationStore({ command, ...options })),
  );
}

/** Revoking must work while gateway.yaml is broken. */
function longestLifeSeconds(cli: Cli): number {
  try {
    return loadConfig(cli).gateway.revocation.longestTokenLifeSeconds;
  } catch (error) {
    if (error instanceof ConfigError) return LONGEST_LIFE_SECONDS;
    throw error;
  }
}
