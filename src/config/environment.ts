import { parseEnv } from 'node:util';
import type { Finding } from './config-error.ts';
import { oneRedis } from './redis-schema.ts';
import { environmentSchema, type Settings } from './schema.ts';

/** Environment variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The text of a `.env` file and the name to call it by in messages. */
export interface EnvFile {
  readonly name: string;
  readonly text: string;
}

/**
 * The values of a `.env` file under those of the process: what was exported wins, as everywhere else. An empty value and
 * an unset one are the same thing: `REDIS_PASSWORD=` in a file means "none".
 */
export function mergeEnvironment(environment: Environment, envFile: EnvFile | undefined): Environment {
  return { ...withoutEmpty(parseEnv(envFile?.text ?? '')), ...withoutEmpty(environment) };
}

/** Validates every variable. Returns the settings, or one finding for each variable that is wrong. */
export function parseEnvironment(
  environment: Environment,
  envFile: EnvFile | undefined,
): { settings: Settings } | { findings: Finding[] } {
  const merged = mergeEnvironment(environment, envFile);
  const known = Object.keys(environmentSchema.shape).map((name) => [name, merged[name]]);
  const result = environmentSchema.superRefine(oneRedis).safeParse(Object.fromEntries(known));
  if (result.success) return { settings: result.data };
  const findings = result.error.issues.map((issue) => {
    const key = String(issue.path[0]);
    return { where: placeOf(key, environment, envFile), key, problem: issue.message };
  });
  return { findings };
}

function placeOf(name: string, environment: Environment, envFile: EnvFile | undefined): string {
  const isExported = environment[name] !== undefined && environment[name] !== '';
  if (isExported || envFile === undefined) return 'environment';
  const lines = envFile.text.split('\n');
  const index = lines.findLastIndex((line) => new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=`).test(line));
  return index === -1 ? envFile.name : `${envFile.name}:${index + 1}`;
}

function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
}
