import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { type EnvFile, type Environment, mergeEnvironment, parseEnvironment } from './environment.ts';
import { parseGatewayFile } from './gateway-file.ts';
import { environmentSchema, type GatewayFile, type Settings } from './schema.ts';

/** The whole configuration: what the environment says and what `gateway.yaml` says. */
export interface Config {
  readonly settings: Settings;
  readonly gateway: GatewayFile;
}

/**
 * Reads `.env` (if there is one) and `gateway.yaml`, and validates both.
 * @param environment the variables of the process; they win over `.env`
 * @param folder where `.env` and relative paths are looked up
 * @throws {ConfigError} with every wrong setting at once; there is never half a configuration
 */
export function loadConfig({ environment, folder }: { environment: Environment; folder: string }): Config {
  const envFile = readEnvFile(resolve(folder, '.env'));
  const merged = mergeEnvironment(environment, envFile);
  const path = resolve(folder, merged.GATEWAY_CONFIG ?? defaultOf('GATEWAY_CONFIG'));
  const fromFile = readGatewayFile(path, { ...serviceDefaults(), ...merged });
  const fromEnvironment = parseEnvironment(environment, { envFile, needsSecret: !fromFile.hasIssuers });
  if ('settings' in fromEnvironment && 'file' in fromFile) {
    return { settings: fromEnvironment.settings, gateway: fromFile.file };
  }
  throw new ConfigError([
    ...('findings' in fromEnvironment ? fromEnvironment.findings : []),
    ...('findings' in fromFile ? fromFile.findings : []),
  ]);
}

/**
 * Reads the environment alone, for what has to work while `gateway.yaml` does not.
 * @throws {ConfigError} with every wrong variable at once
 */
export function loadSettings({ environment, folder }: { environment: Environment; folder: string }): Settings {
  const result = parseEnvironment(environment, { envFile: readEnvFile(resolve(folder, '.env')), needsSecret: false });
  if ('settings' in result) return result.settings;
  throw new ConfigError(result.findings);
}

function readEnvFile(path: string): EnvFile | undefined {
  try {
    return { name: basename(path), text: readFileSync(path, 'utf8') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigError([{ where: '.env', key: '(file)', problem: reasonOf(error) }]);
  }
}

function readGatewayFile(path: string, environment: Environment) {
  try {
    return parseGatewayFile({ name: basename(path), text: readFileSync(path, 'utf8') }, environment);
  } catch (error) {
    const problem = `can't read ${path}: ${reasonOf(error)}`;
    return { findings: [{ where: 'GATEWAY_CONFIG', key: '(file)', problem }], hasIssuers: false };
  }
}

function serviceDefaults(): Environment {
  const names = ['AUTH_SERVICE_URL', 'CRM_SERVICE_URL', 'TICKETS_SERVICE_URL'] as const;
  return Object.fromEntries(names.map((name) => [name, defaultOf(name)]));
}

/** Defaults of variables that are needed before, or beside, the validated settings. */
function defaultOf(name: 'GATEWAY_CONFIG' | 'AUTH_SERVICE_URL' | 'CRM_SERVICE_URL' | 'TICKETS_SERVICE_URL'): string {
  return String(environmentSchema.shape[name].parse(undefined));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
