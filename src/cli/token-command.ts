import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import jwt from 'jsonwebtoken';
import { loadSettings } from '../config/load-config.ts';
import type { Settings } from '../config/schema.ts';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { examples } from './examples.ts';
import { withFleet } from './fleet.ts';
import { inspectToken } from './inspect-token.ts';
import { duration } from './layout.ts';
import { id, names, seconds } from './option-kinds.ts';
import type { Report } from './report.ts';

interface IssueOptions {
  readonly roles?: readonly string[];
  readonly tenant?: string;
  readonly email?: string;
  readonly expires: number;
  readonly force?: true;
}

const ISSUE_EXAMPLES = `
The token is signed with the first JWT_SECRET. In production the auth service signs tokens: there it takes --force, and
is on record.

Examples:
  $ npx gateway token issue user-7 --roles agent,manager --tenant acme
  $ curl -H "Authorization: Bearer $(npx gateway token issue user-7)" http://localhost:3000/api/v1/crm/companies`;

const INSPECT_EXAMPLES = `
Give it the token on stdin: arguments stay in the history of the shell.

Example:
  $ npx gateway token inspect < token.txt`;

/** `gateway token`. */
export function addToken(program: Command, cli: Cli): void {
  const token = program.command('token').summary('issue a token for development, inspect any').description('Tokens.');
  token.addHelpText(
    'after',
    examples('token issue user-7 --roles agent,manager --tenant acme', 'token inspect < token.txt'),
  );
  token
    .command('issue')
    .summary('make a token for development')
    .description('Makes a token for development, and prints it.')
    .argument('<user>', 'whose it is (sub)', id)
    .option('--roles <names>', 'roles, with commas between', names)
    .option('--tenant <id>', 'tenantId')
    .option('--email <address>', 'email')
    .option('--expires <time>', 'such as 15min, 8h or 30d', seconds, seconds('1h'))
    .option('--force', 'also in production')
    .addHelpText('after', ISSUE_EXAMPLES)
    .action(cli.reporting((user: string, options: IssueOptions) => issued(user, options, cli)));
  token
    .command('inspect')
    .summary('what a token says, and whether it is accepted')
    .description('Tells what a token says, whether the gateway accepts it, and if not, why.')
    .argument('[token]', 'the token; read from stdin if missing')
    .addHelpText('after', INSPECT_EXAMPLES)
    .action(
      cli.reporting(async (given?: string) =>
        inspectToken((given ?? (await cli.readInput())).trim(), { settings: loadSettings(cli), now: cli.now }),
      ),
    );
}

async function issued(user: string, options: IssueOptions, cli: Cli): Promise<Report> {
  const settings = loadSettings(cli);
  const report = () => newToken(user, options, settings);
  if (settings.NODE_ENV !== 'production') return report();
  if (options.force !== true) {
    throw new CliError(
      'usage',
      'This is production (NODE_ENV, whose default it is): the auth service issues tokens. Expected --force, or NODE_ENV=development.',
    );
  }
  // Whoever makes tokens can be anybody, so none is made that is not on record.
  const deed = () => ({ command: 'token issue', target: user });
  return withFleet({ surroundings: cli, deed }, () => Promise.resolve(report()));
}

function newToken(user: string, { roles, tenant, email, expires }: IssueOptions, settings: Settings): Report {
  const { JWT_SECRET: [secret] = [], JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = settings;
  if (secret === undefined || issuer === undefined || audience === undefined)
    throw new CliError('found', 'JWT_SECRET is not set, so there is nothing to sign with.');
  const claims = { sub: user, email, roles, tenantId: tenant, jti: randomUUID() };
  const known = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  const token = jwt.sign(known, secret, {
    algorithm: 'HS256',
    issuer,
    audience,
    expiresIn: expires,
  });
  return { text: token, data: { token, claims: known, expiresIn: duration(expires) } };
}
