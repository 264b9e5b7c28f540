import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../src/config/config-error.ts';
import type { Environment } from '../../src/config/environment.ts';
import { type Config, loadConfig } from '../../src/config/load-config.ts';

/** What a start needs at least. */
export const minimalEnvironment = {
  JWT_SECRET: 'test-only-secret-of-more-than-32-bytes',
  JWT_ISSUER: 'psa-auth',
  JWT_AUDIENCE: 'psa-api',
} as const;

/** A `gateway.yaml` of six lines. */
export const minimalFile = `upstreams:
  crm:
    url: http://localhost:3002
routes:
  - path: /api/crm/*
    upstream: crm
`;

interface Sources {
  readonly environment?: Environment;
  /** Text of `gateway.yaml`; null for none. */
  readonly file?: string | null;
  /** Text of `.env`. */
  readonly envFile?: string;
}

/** A folder of its own with these files, for the time of `use`. */
export function inFolder<T>({ file = minimalFile, envFile }: Sources, use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'psa-config-'));
  try {
    if (file !== null) writeFileSync(join(folder, 'gateway.yaml'), file);
    if (envFile !== undefined) writeFileSync(join(folder, '.env'), envFile);
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The configuration that these sources make. */
export function configOf(sources: Sources = {}): Config {
  const environment = { ...minimalEnvironment, ...sources.environment };
  return inFolder(sources, (folder) => loadConfig({ environment, folder }));
}

/** The findings that these sources are refused for, as `where key: problem`. */
export function findingsOf(sources: Sources): string[] {
  return refusalOf(sources).findings.map(({ where, key, problem }) => `${where} ${key}: ${problem}`);
}

/** The error that these sources are refused with. */
export function refusalOf(sources: Sources): ConfigError {
  try {
    configOf(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
