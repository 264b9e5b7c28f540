import { CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { onOneLine, visibleLines } from '../observe/log-text.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { operatorProgram } from './program.ts';
import type { Report } from './report.ts';
import type { Surroundings } from './surroundings.ts';

/** Runs one command, prints what it has found out, and returns the exit code. It does not throw. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  let report: Report | undefined;
  const program = operatorProgram(surroundings, (found) => {
    report = found;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    return failed(error, surroundings);
  }
  if (report === undefined) return exitCodes.ok;
  const isJson = program.opts<{ json?: true }>().json === true;
  surroundings.write(`${isJson ? onOneLine(JSON.stringify(report.data, null, 2)) : report.text}\n`);
  return report.isFinding === true ? exitCodes.found : exitCodes.ok;
}

function failed(error: unknown, { warn }: Surroundings): number {
  // It has been explained already, by commander.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof ConfigError) {
    warn(visibleLines(error.message));
    return exitCodes.found;
  }
  // Also what others have written is repeated: the claims of a token, a name in a file.
  warn(`${visibleLines(error instanceof Error ? error.message : String(error))}\n`);
  if (error instanceof CliError) return exitCodes[error.kind];
  // The stores say so of a name or a number that can't be.
  return error instanceof RangeError ? exitCodes.usage : exitCodes.found;
}
