import type { Command } from 'commander';
import { type Config, loadConfig } from '../config/load-config.ts';
import { addressKey } from '../rate-limit/address-key.ts';
import { limitRules } from '../rate-limit/limit-rules.ts';
import { type LimitSubject, limitState, resetLimits } from '../rate-limit/limit-state.ts';
import { tenantStore } from '../tenants/tenant-store.ts';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { examples } from './examples.ts';
import { type Fleet, withFleet } from './fleet.ts';
import { counted, duration, table } from './layout.ts';
import { address } from './option-kinds.ts';
import type { Report } from './report.ts';

interface SubjectOptions {
  readonly address?: string;
  readonly user?: string;
  readonly tenant?: string;
  readonly key?: string;
  readonly account?: string;
}

const EXAMPLES = `
Say whose: one address, user, tenant, API key, or account (what somebody logs in with; with --address from there only).

Examples:
  $ npx gateway limits show --address 203.0.113.9
  $ npx gateway limits reset --user user-7
  $ npx gateway limits show --account ada@example.com`;

/** `gateway limits`. */
export function addLimits(program: Command, cli: Cli): void {
  const limits = program.command('limits').summary('what is left of the limits of one client, user or tenant');
  limits.description('The limits of one client, user or tenant.').addHelpText('after', EXAMPLES);
  withSubject(limits.command('show').description('Shows what is left of each limit, and changes nothing.'))
    .addHelpText('after', examples('limits show --address 203.0.113.9', 'limits show --account ada@example.com'))
    .action(cli.reporting((options: SubjectOptions) => shown(subjectOf(options), cli)));
  withSubject(limits.command('reset').description('Forgets what was counted for one subject, and for nobody else.'))
    .addHelpText('after', examples('limits reset --user user-7'))
    .action(cli.reporting((options: SubjectOptions) => reset(subjectOf(options), cli)));
}

function withSubject(command: Command): Command {
  return command
    .option('--address <ip>', 'a client address; of IPv6 its /56', address)
    .option('--user <id>', 'a user, by the sub of the tokens')
    .option('--tenant <id>', 'a tenant')
    .option('--key <id>', 'an API key, as keys list shows it')
    .option('--account <name>', 'an account, by what is typed to log in');
}

/** @throws {CliError} `usage` unless it is one */
function subjectOf({ address: ip, user, tenant, key, account }: SubjectOptions): LimitSubject {
  if (account !== undefined && user === undefined && tenant === undefined && key === undefined) {
    return ip === undefined ? { kind: 'account', id: account } : { kind: 'account', id: account, address: ip };
  }
  const given = (
    [
      ['address', ip],
      ['user', user],
      ['tenant', tenant],
      ['apiKey', key],
    ] as const
  ).flatMap(([kind, id]) => (id === undefined || id === '' ? [] : [{ kind, id }]));
  const [subject, ...more] = given;
  if (subject !== undefined && more.length === 0 && account === undefined) return subject;
  throw new CliError('usage', 'Whose limits? Expected one of --address, --user, --tenant, --key or --account.');
}

async function shown(subject: LimitSubject, cli: Cli): Promise<Report> {
  const states = await onLimits({ verb: 'show', subject, cli }, (options) => limitState(options));
  const rows = states.map(({ limit, size, remaining, resetSeconds }) => [
    limit,
    `${remaining} of ${size}`,
    remaining === size ? undefined : duration(resetSeconds),
  ]);
  const text =
    states.length === 0 ? 'No limit of the configuration counts it.' : table(['LIMIT', 'LEFT', 'RESETS IN'], rows);
  return { text, data: states };
}

async function reset(subject: LimitSubject, cli: Cli): Promise<Report> {
  const keys = await onLimits({ verb: 'reset', subject, cli }, (options) => resetLimits(options));
  const text =
    keys.length === 0
      ? 'Nothing was counted.'
      : `${counted(keys.length, 'count')} forgotten. Workers notice within a second.`;
  return { text, data: { removed: keys } };
}

interface Task {
  readonly verb: string;
  readonly subject: LimitSubject;
  readonly cli: Cli;
}

type StateOptions = Parameters<typeof limitState>[0];

function onLimits<T>(
  { verb, subject, cli }: Task,
  work: (options: StateOptions) => (command: Fleet['command']) => Promise<T>,
): Promise<T> {
  const { gateway, settings }: Config = loadConfig(cli);
  const rules = limitRules(gateway, settings);
  const target = subject.kind === 'address' ? addressKey(subject.id) : subject.id;
  const deed = () => ({ command: `limits ${verb} ${subject.kind}`, target });
  return withFleet({ surroundings: cli, deed }, async ({ command }) => {
    const tenant =
      subject.kind === 'tenant' ? await tenantStore({ command, now: cli.now }).show(subject.id) : undefined;
    return work({ rules, subject, plan: tenant?.plan, now: cli.now() })(command);
  });
}
