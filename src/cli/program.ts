import { Command } from 'commander';
import { ownVersion } from '../own-version.ts';
import { addAudit } from './audit-command.ts';
import { addCheck } from './check-command.ts';
import type { Cli } from './cli.ts';
import { addExplain } from './explain-command.ts';
import { addKeys } from './keys-command.ts';
import { addLimits } from './limits-command.ts';
import type { Report } from './report.ts';
import { addRevoke } from './revoke-command.ts';
import type { Surroundings } from './surroundings.ts';
import { addTenants } from './tenants-command.ts';
import { addToken } from './token-command.ts';
import { addUsage } from './usage-command.ts';

const EXAMPLES = `
Examples:
  $ npx gateway check                              is the configuration right?
  $ npx gateway explain <X-Request-Id>             why was this request refused?
  $ npx gateway limits reset --address 203.0.113.9 let one client in again
  $ npx gateway revoke user user-7                 end the tokens of a user
  $ npx gateway audit --follow                     failed logins, refusals and operators, as they come

Settings are the gateway's own: .env and the environment. With --json, stdout has JSON or nothing.
Exit codes: 0 ok, 1 something was found, 2 wrong usage, 3 Redis is not reached.`;

/** The operator's command, with all that it can do. */
export function operatorProgram(surroundings: Surroundings, onReport: (report: Report | undefined) => void): Command {
  const program = new Command('gateway')
    .description('Asks and changes a running gateway, through Redis.')
    .option('--json', 'print JSON')
    .version(ownVersion(), '-V, --version', 'print the version')
    .configureHelp({ showGlobalOptions: true, sortOptions: true })
    .configureOutput({ writeOut: surroundings.write, writeErr: surroundings.warn })
    .showHelpAfterError('(--help tells more)')
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  const cli: Cli = {
    ...surroundings,
    reporting:
      (work) =>
      async (...args) =>
        onReport(await work(...args)),
    isJson: () => program.opts<{ json?: true }>().json === true,
  };
  for (const add of [addCheck, addToken, addKeys, addRevoke, addTenants, addLimits, addUsage, addExplain, addAudit])
    add(program, cli);
  return program;
}
