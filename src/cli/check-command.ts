import type { Command } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/load-config.ts';
import type { Cli } from './cli.ts';
import { examples } from './examples.ts';
import { counted, table } from './layout.ts';
import type { Report } from './report.ts';

/** `gateway check`. */
export function addCheck(program: Command, cli: Cli): void {
  program
    .command('check')
    .summary('the configuration: .env, environment and gateway.yaml')
    .description(
      'Checks .env, the environment and gateway.yaml, as a start would. Every finding has its line and column.',
    )
    .addHelpText('after', examples('check', 'check --json'))
    .action(cli.reporting(() => checked(cli)));
}

function checked({ environment, folder }: Cli): Report {
  try {
    const { gateway } = loadConfig({ environment, folder });
    const upstreams = Object.keys(gateway.upstreams).length;
    const size = `${counted(upstreams, 'upstream')}, ${counted(gateway.routes.length, 'route')}`;
    return { text: `The configuration is valid: ${size}.`, data: { valid: true, findings: [] } };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { findings } = error;
    const rows = findings.map(({ where, key, problem }) => [where, key, problem]);
    return {
      text: `${counted(findings.length, 'setting')} can't be used:\n\n${table(['WHERE', 'SETTING', 'PROBLEM'], rows)}`,
      data: { valid: false, findings },
      isFinding: true,
    };
  }
}
