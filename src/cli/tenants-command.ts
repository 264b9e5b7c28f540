import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.ts';
import { type ListedTenant, type TenantStore, tenantStore } from '../tenants/tenant-store.ts';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { examples } from './examples.ts';
import { type Deed, withFleet } from './fleet.ts';
import { fields, table } from './layout.ts';
import { id as parsedId } from './option-kinds.ts';
import type { Report } from './report.ts';

const EXAMPLES = `
A tenant without a record is active, and on the default plan. The callers of a suspended one get 403.

Examples:
  $ npx gateway tenants plan acme premium
  $ npx gateway tenants suspend acme
  $ npx gateway tenants list`;

const ID_HELP = 'as tokens and keys name it';

/** `gateway tenants`. */
export function addTenants(program: Command, cli: Cli): void {
  const tenants = program.command('tenants').summary('tenants: plan, suspended or active').description('Tenants.');
  tenants.addHelpText('after', EXAMPLES);
  tenants
    .command('list')
    .description('Lists the tenants that have a record.')
    .addHelpText('after', examples('tenants list'))
    .action(cli.reporting(() => listed(cli)));
  tenants
    .command('show')
    .description('Shows one tenant.')
    .argument('<id>', ID_HELP, parsedId)
    .addHelpText('after', examples('tenants show acme'))
    .action(cli.reporting((id: string) => shown(id, cli)));
  tenants
    .command('plan')
    .description('Puts a tenant on a plan of gateway.yaml.')
    .argument('<id>', ID_HELP, parsedId)
    .argument('<plan>', 'a name among the plans of gateway.yaml')
    .addHelpText('after', examples('tenants plan acme premium'))
    .action(cli.reporting((id: string, plan: string) => planned({ id, plan }, cli)));
  tenants
    .command('suspend')
    .description('Refuses all callers of a tenant.')
    .argument('<id>', ID_HELP, parsedId)
    .addHelpText('after', examples('tenants suspend acme'))
    .action(cli.reporting((id: string) => changed('suspend', { id, cli }, (store) => store.suspend(id))));
  tenants
    .command('activate')
    .description('Lets the callers of a suspended tenant in again.')
    .argument('<id>', ID_HELP, parsedId)
    .addHelpText('after', examples('tenants activate acme'))
    .action(cli.reporting((id: string) => changed('activate', { id, cli }, (store) => store.activate(id))));
}

async function listed(cli: Cli): Promise<Report> {
  const tenants = await withStore({ cli, deed: { command: 'tenants list' } }, (store) => store.list());
  const rows = tenants.map(({ id, name, plan, status }) => [id, name, plan ?? DEFAULT_PLAN, status]);
  const text = rows.length === 0 ? 'No tenant has a record.' : table(['ID', 'NAME', 'PLAN', 'STATUS'], rows);
  return { text, data: tenants };
}

async function shown(id: string, cli: Cli): Promise<Report> {
  const deed = { command: 'tenants show', target: id };
  const tenant = await withStore({ cli, deed }, (store) => store.show(id));
  if (tenant !== undefined) return reportOf(tenant);
  const text = `${id} has no record. If there is such a tenant, it is active and on the default plan.`;
  return { text, data: { id, known: false }, isFinding: true };
}

async function planned({ id, plan }: { readonly id: string; readonly plan: string }, cli: Cli): Promise<Report> {
  const plans = Object.keys(loadConfig(cli).gateway.plans);
  if (plans.includes(plan)) return changed('plan', { id, cli }, (store) => store.setPlan(id, plan));
  const expected = plans.length === 0 ? 'gateway.yaml has no plans' : `expected one of ${plans.join(', ')}`;
  throw new CliError('usage', `There is no plan "${plan}": ${expected}.`);
}

async function changed(
  verb: string,
  { id, cli }: { readonly id: string; readonly cli: Cli },
  change: (store: TenantStore) => Promise<ListedTenant>,
): Promise<Report> {
  return reportOf(await withStore({ cli, deed: { command: `tenants ${verb}`, target: id } }, change));
}

const DEFAULT_PLAN = 'the default';

function reportOf(tenant: ListedTenant): Report {
  const { id, name, plan, status } = tenant;
  return { text: fields({ Tenant: id, Name: name, Plan: plan ?? DEFAULT_PLAN, Status: status }), data: tenant };
}

function withStore<T>(
  { cli, deed }: { readonly cli: Cli; readonly deed: Deed },
  work: (store: TenantStore) => Promise<T>,
): Promise<T> {
  return withFleet({ surroundings: cli, deed: () => deed }, ({ command }) =>
    work(tenantStore({ command, now: cli.now })),
  );
}
