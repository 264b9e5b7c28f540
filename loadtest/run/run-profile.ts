import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inheritedEnvironment } from '../../demo/stage/environment.ts';
import type { Stage } from '../../demo/stage/open-stage.ts';
import type { Cast } from '../generator/play-users.mts';
import type { Outage } from '../measure/measured-request.ts';
import { readRequests } from '../measure/read-requests.ts';
import { type Summary, summarise } from '../measure/summarise.ts';
import type { Options } from '../options.ts';
import { causeOutage } from './cause-outage.ts';
import { type ArtilleryReport, runArtillery } from './run-artillery.ts';
import { type BreakerStory, watchBreakers } from './watch-breakers.ts';

interface ProfileRun {
  readonly options: Pick<Options, 'file' | 'settings'>;
  readonly url: string;
  /** Undefined if the gateway is not ours: then nothing can be made to fail. */
  readonly stage: Stage | undefined;
  readonly cast: Cast;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** What a run has brought. */
export interface ProfileOutcome {
  readonly summary: Summary;
  readonly artillery: ArtilleryReport;
  readonly outage: Outage | undefined;
  readonly breakers: BreakerStory | undefined;
}

const LOOK_INTERVAL_MS = 200;
const PROGRESS_INTERVAL_MS = 10_000;

/** Drives the load of a profile to its end, with the outage that belongs to it. */
export async function runProfile(run: ProfileRun): Promise<ProfileOutcome> {
  const { options, url, stage, cast, folder, signal } = run;
  const { file, settings } = options;
  const outputFolder = join(folder, 'loadtest');
  mkdirSync(outputFolder);
  const castFile = join(outputFolder, 'cast.json');
  // Tokens, perhaps somebody's.
  writeFileSync(castFile, JSON.stringify(cast), { mode: 0o600 });
  const watch = await watchBreakers(url);
  const isOver = new AbortController();
  const aside = AbortSignal.any([signal, isOver.signal]);
  const started = firstRequest(outputFolder, aside);
  const { outage: plan } = settings;
  const outage = plan && stage ? causeOutage({ ...run, plan, stage, watch, started, signal: aside }) : undefined;
  const progress = tellProgress({ ...run, outputFolder, started, signal: aside });
  try {
    const environment = inheritedEnvironment(process.env);
    const artillery = await runArtillery({ profileFile: file, url, outputFolder, castFile, environment, signal });
    isOver.abort();
    const caused = await outage;
    const { warmUpRequests } = settings;
    const summary = summarise(readRequests(outputFolder), { warmUpRequests, outage: caused });
    return { summary, artillery, outage: caused, breakers: await watch.stop() };
  } finally {
    isOver.abort();
    await Promise.allSettled([outage, progress, watch.stop()]);
  }
}

async function firstRequest(outputFolder: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && readRequests(outputFolder).length === 0) {
    await sleep(LOOK_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

interface ProgressOptions extends Pick<ProfileRun, 'say' | 'signal' | 'options'> {
  readonly outputFolder: string;
  readonly started: Promise<void>;
}

/** A line now and then: five minutes without a word look like a fault. */
async function tellProgress({ outputFolder, started, say, signal }: ProgressOptions): Promise<void> {
  await started;
  const startedAt = Date.now();
  for (let seen = 0; ; ) {
    await sleep(PROGRESS_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const all = readRequests(outputFolder);
    const { total } = summarise(all.slice(seen), { warmUpRequests: 0, outage: undefined });
    seen = all.length;
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    const rate = (total.requests / (PROGRESS_INTERVAL_MS / 1000)).toFixed(0);
    const wrong = total.requests - Math.round(total.throughput * total.seconds);
    say(
      `${seconds} s: ${rate} requests/s, p95 ${total.p95Ms.toFixed(1)} ms${wrong > 0 ? `, ${wrong} not answered rightly` : ''}`,
    );
  }
}
