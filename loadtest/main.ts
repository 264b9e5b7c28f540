// npm run loadtest -- PROFILE; see README.md.
import { awaitEnd } from '../demo/await-end.ts';
import { inheritedEnvironment } from '../demo/stage/environment.ts';
import { openStage, type Stage } from '../demo/stage/open-stage.ts';
import { type Guard, startGuard } from '../demo/stage/start-guard.ts';
import { type Options, readOptions, USAGE, UsageError } from './options.ts';
import { linesOf } from './report/print-tables.ts';
import { tablesOf } from './report/tables.ts';
import { writeReport } from './report/write-report.ts';
import { castOfStage, castOfTarget } from './run/cast.ts';
import { readEnvironment } from './run/environment.ts';
import { plainLoop } from './run/plain-loop.ts';
import { type Result, resultOf } from './run/result.ts';
import { runProfile } from './run/run-profile.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_UNREACHABLE = 3;
const REACH_PATIENCE_MS = 5000;

class Unreachable extends Error {}

const end = awaitEnd();
process.exit(await main());

/** From the options to the last trace removed; returns the exit code. */
async function main(): Promise<number> {
  let guard: Guard | undefined;
  let code: number;
  try {
    const options = readOptions(process.argv.slice(2), process.env);
    // Before anything is started: it may find that there are no users.
    const cast = options.target && castOfTarget(process.env);
    guard = await startGuard({ env: inheritedEnvironment(process.env), signal: end.signal });
    const ground = cast && options.target ? await reach(options.target, cast) : await setStage(guard);
    const result = await run({ options, ...ground }, guard.folder);
    for (const line of tablesOf(result).flatMap(linesOf)) console.log(line);
    console.log(`\n${result.isPassed ? '✔ Every target is met.' : '✘ Not every target is met.'}`);
    console.log(`  ${writeReport(result, options.results)}`);
    code = result.isPassed ? 0 : EXIT_FAILED;
  } catch (error) {
    code = codeOf(error);
  }
  const isClean = (await guard?.dismiss()) ?? true;
  if (!isClean) console.error(`Something was left behind in ${guard?.folder}.`);
  return isClean ? code : EXIT_FAILED;
}

/** Says what went wrong, and returns what to exit with. */
function codeOf(error: unknown): number {
  if (end.signal.aborted) return end.exitCode();
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UsageError) console.error(`\nUsage: ${USAGE}`);
  if (error instanceof UsageError) return EXIT_USAGE;
  return error instanceof Unreachable ? EXIT_UNREACHABLE : EXIT_FAILED;
}

interface Ground {
  readonly url: string;
  readonly stage: Stage | undefined;
  readonly cast: ReturnType<typeof castOfStage>;
  /** In words. */
  readonly gateway: string;
}

async function setStage(guard: Guard): Promise<Ground> {
  console.log('Starting a gateway as shipped: two workers under PM2, Redis and the three sample services …');
  const stage = await openStage({ guard, environment: process.env });
  const redis = stage.redis ? 'Redis' : 'no Redis, so that limits are counted per worker';
  const gateway = `two workers under PM2 with the shipped limits, three sample services, ${redis}; all on this machine`;
  if (stage.redis === undefined)
    console.log('  There is no Redis here: the figures are not those of a gateway as shipped.');
  return { url: stage.url, stage, cast: castOfStage(stage), gateway };
}

async function reach(target: URL, cast: Ground['cast']): Promise<Ground> {
  const url = target.origin;
  await fetch(`${url}/health`, { signal: AbortSignal.timeout(REACH_PATIENCE_MS) }).catch((error: unknown) => {
    throw new Unreachable(`${url} does not answer`, { cause: error });
  });
  return { url, stage: undefined, cast, gateway: url };
}

async function run({ options, ...ground }: Ground & { options: Options }, folder: string): Promise<Result> {
  const { profile, settings } = options;
  const startedAt = new Date().toISOString();
  const environment = readEnvironment();
  const say = (text: string) => console.log(`  ${text}`);
  console.log(`Running ${profile} against ${ground.url} …`);
  if (settings.outage && !ground.stage) say('No service fails in the middle of it: the gateway is not ours.');
  const outcome = await runProfile({ options, ...ground, folder, signal: end.signal, say });
  const isCompared = settings.isComparedWithPlainLoop === true && ground.stage !== undefined;
  return resultOf({
    options,
    outcome,
    startedAt,
    environment,
    gateway: ground.gateway,
    isOwnStage: ground.stage !== undefined,
    plainLoop: isCompared ? await plainLoop(ground) : undefined,
  });
}
