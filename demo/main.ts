import { parseArgs } from 'node:util';
import { awaitEnd } from './await-end.ts';
import { introduce } from './introduce.ts';
import { createPrinter } from './print.ts';
import { inheritedEnvironment } from './stage/environment.ts';
import { openStage } from './stage/open-stage.ts';
import { startGuard } from './stage/start-guard.ts';
import { suggest } from './suggest.ts';
import { setScene } from './walk/scene.ts';
import { steps } from './walk/steps.ts';
import { takeWalk } from './walk/take-walk.ts';

const USAGE = 'npm run demo [-- --once]';
const EXIT_USAGE = 64;
const EXIT_FAILED = 1;

const isOnce = readOptions();
const end = awaitEnd();
const print = createPrinter((line) => process.stdout.write(`${line}\n`));
process.exit(await main());

/** From the first word to the last trace removed; returns the exit code. */
async function main(): Promise<number> {
  const guard = await startGuard({ env: inheritedEnvironment(process.env), signal: end.signal });
  let code = EXIT_FAILED;
  try {
    code = await show();
  } catch (error) {
    if (end.signal.aborted) code = end.exitCode();
    else print.failed('the demo to run', error instanceof Error ? error.message : String(error));
  }
  print.heading('Removing what was started: the gateway, PM2, Redis, the services and their folder …');
  const isClean = await guard.dismiss();
  if (isClean) print.say('Nothing is left.');
  else print.failed('nothing left behind', `leftovers in ${guard.folder}`);
  return isClean ? code : EXIT_FAILED;

  async function show(): Promise<number> {
    const startedAt = performance.now();
    print.heading('psa-api-gateway: a guided walk');
    print.say('Starting Redis, three sample services and the gateway …');
    const stage = await openStage({ guard, environment: process.env });
    introduce(stage, print);
    const scene = setScene({ stage, print, signal: end.signal });
    const failures = await takeWalk(steps, scene);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    print.heading(`${steps.length - failures} of ${steps.length} steps as promised, in ${seconds} s.`);
    const walkCode = failures === 0 ? 0 : EXIT_FAILED;
    if (isOnce) return walkCode;
    await suggest(scene);
    await end.happened;
    return walkCode;
  }
}

function readOptions(): boolean {
  try {
    const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
    return values.once;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\nUsage: ${USAGE}`);
    process.exit(EXIT_USAGE);
  }
}
