import type { Command } from 'commander';
import { usageOf } from '../rate-limit/limit-state.ts';
import type { Cli } from './cli.ts';
import { withFleet } from './fleet.ts';
import { table } from './layout.ts';
import { id, wholeNumber } from './option-kinds.ts';
import type { Report } from './report.ts';

/** Usage is kept for this long. */
const MAX_DAYS = 62;

const EXAMPLES = `
It is counted when plans are configured, in the units of quotas. Days are UTC.

Example:
  $ npx gateway usage acme --days 31 --json`;

/** `gateway usage`. */
export function addUsage(program: Command, cli: Cli): void {
  program
    .command('usage')
    .summary('what a tenant has used, by day')
    .description('Shows what a tenant has used in the last days, today last.')
    .argument('<tenant>', 'as tokens and keys name it', id)
    .option('-d, --days <number>', 'how many days', wholeNumber({ min: 1, max: MAX_DAYS }), 7)
    .addHelpText('after', EXAMPLES)
    .action(cli.reporting((tenant: string, { days }: { days: number }) => used({ tenant, days }, cli)));
}

async function used({ tenant, days }: { tenant: string; days: number }, cli: Cli): Promise<Report> {
  const deed = () => ({ command: 'usage', target: tenant });
  const read = usageOf({ tenant, days, now: cli.now() });
  const usage = await withFleet({ surroundings: cli, deed }, ({ command }) => read(command));
  const sum = usage.reduce((total, { units }) => total + units, 0);
  const rows = [...usage.map(({ day, units }) => [day, units]), ['all', sum]];
  return { text: table(['DAY', 'UNITS'], rows), data: { tenant, days: usage, units: sum } };
}
