import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const folder = join(import.meta.dirname, '..');
const program = join(folder, 'node_modules/artillery/bin/run');

interface ArtilleryOptions {
  readonly profileFile: string;
  readonly url: string;
  /** For the requests that it records, and for its own report. */
  readonly outputFolder: string;
  /** @see Cast */
  readonly castFile: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** What Artillery says itself. Its latencies are whole milliseconds, to the first byte. */
const report = z.object({
  aggregate: z.object({
    counters: z.record(z.string(), z.number()),
    summaries: z.record(z.string(), z.record(z.string(), z.number())),
  }),
});

export type ArtilleryReport = z.infer<typeof report>['aggregate'];

/**
 * Runs a profile to its end.
 * @throws {Error} with Artillery's words if it fails; the signal's reason if that fires
 */
export async function runArtillery(options: ArtilleryOptions): Promise<ArtilleryReport> {
  const { profileFile, url, outputFolder, castFile, environment, signal } = options;
  signal.throwIfAborted();
  if (!existsSync(program)) throw new Error('Artillery is not installed: npm run loadtest installs it');
  const output = join(outputFolder, 'artillery.json');
  const overrides = JSON.stringify({ config: { processor: join(folder, 'generator/play-users.mts') } });
  const args = ['run', profileFile, '--quiet', '--target', url, '--output', output, '--overrides', overrides];
  const sessions = hasScenarios(profileFile) ? [] : ['--input', join(folder, 'sessions.yml')];
  const endWithRunner = ['--import', join(folder, 'generator/end-with-runner.ts')];
  const child = spawn(process.execPath, [...endWithRunner, program, ...args, ...sessions], {
    cwd: outputFolder,
    env: {
      ...environment,
      // A user's .artilleryrc must not change what is measured.
      HOME: outputFolder,
      ARTILLERY_DISABLE_TELEMETRY: 'true',
      LOADTEST_FOLDER: outputFolder,
      LOADTEST_CAST: castFile,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const abort = () => child.kill('SIGKILL');
  signal.addEventListener('abort', abort);
  let words = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => (words = `${words}${chunk}`.slice(-4000)));
  const [code] = await once(child, 'close');
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  if (code !== 0 || !existsSync(output)) throw new Error(`Artillery ended with code ${code}: ${words.trim()}`);
  return report.parse(JSON.parse(readFileSync(output, 'utf8'))).aggregate;
}

/** A profile that has none gets the sessions that basic, spike and stress share. */
function hasScenarios(file: string): boolean {
  return (parse(readFileSync(file, 'utf8')) as { scenarios?: unknown }).scenarios !== undefined;
}
