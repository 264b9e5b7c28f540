import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { metrics } from './metrics.ts';
import { defaultSettings, type ProfileSettings, profileSettings, type Targets } from './targets.ts';

export const USAGE = `npm run loadtest -- PROFILE [--targets FILE] [--results FOLDER] [--yes]
  PROFILE    quick, basic, spike, stress, or the path of a profile of your own (.yml)
  --targets  a JSON file with targets that take the place of the profile's
  --yes      load a TARGET that is not on this machine
Environment: TARGET, LOADTEST_TOKENS and others; see loadtest/README.md`;

/** How the runner was called. */
export interface Options {
  /** Its name, and its file. */
  readonly profile: string;
  readonly file: string;
  readonly settings: ProfileSettings;
  /** Of a gateway that runs already; undefined where one is to be started. */
  readonly target: URL | undefined;
  /** Where the report goes. */
  readonly results: string;
}

/** The runner was called in a way that makes no sense. */
export class UsageError extends Error {}

const bounds = z.strictObject({
  below: z.number().optional(),
  atMost: z.number().optional(),
  above: z.number().optional(),
  atLeast: z.number().optional(),
});

/**
 * Reads the command line and the environment.
 * @throws {UsageError} naming what is wrong
 */
export function readOptions(args: string[], environment: NodeJS.ProcessEnv): Options {
  const { values, positionals } = parsed(args);
  const [profile = '', ...more] = positionals;
  if (profile === '' || more.length > 0) throw new UsageError(`Expected one profile, got ${positionals.length}.`);
  const isFile = profile.endsWith('.yml');
  if (!isFile && !Object.hasOwn(profileSettings, profile)) {
    throw new UsageError(`There is no profile "${profile}"; there are ${Object.keys(profileSettings).join(', ')}.`);
  }
  if (isFile && !existsSync(profile)) throw new UsageError(`There is no file ${profile}.`);
  const name = isFile ? basename(profile, '.yml') : profile;
  const settings = (isFile ? undefined : profileSettings[profile]) ?? defaultSettings;
  const targets = values.targets === undefined ? {} : readTargets(values.targets);
  return {
    profile: name,
    file: isFile ? resolve(profile) : join(import.meta.dirname, 'profiles', `${name}.yml`),
    settings: { ...settings, targets: { ...settings.targets, ...targets } },
    target: readTarget(environment.TARGET, values.yes),
    results: resolve(values.results),
  };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        targets: { type: 'string' },
        results: { type: 'string', default: join(import.meta.dirname, 'results') },
        yes: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

function readTarget(text: string | undefined, isConfirmed: boolean): URL | undefined {
  if (text === undefined || text === '') return undefined;
  const url = URL.parse(text);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href;
  if (!isOrigin) throw new UsageError(`TARGET is "${text}"; expected an origin such as https://gateway.example.`);
  if (!isLoopback(url) && !isConfirmed) {
    throw new UsageError(
      `TARGET is ${url.origin}, which is not this machine. Load it only if it is yours and nobody needs it just now; say so with --yes.`,
    );
  }
  return url;
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function readTargets(file: string): Targets {
  const schema = z.partialRecord(z.enum(Object.keys(metrics)), bounds);
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8'))) as Targets;
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
