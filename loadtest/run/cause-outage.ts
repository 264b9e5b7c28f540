import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../../demo/stage/open-stage.ts';
import type { Outage } from '../measure/measured-request.ts';
import type { ProfileSettings } from '../targets.ts';
import type { BreakerWatch } from './watch-breakers.ts';

interface OutageOptions {
  readonly plan: NonNullable<ProfileSettings['outage']>;
  readonly stage: Stage;
  readonly watch: BreakerWatch;
  /** Resolves when the first request has been sent. */
  readonly started: Promise<void>;
  readonly say: (text: string) => void;
  /** Fires at the end of the run. */
  readonly signal: AbortSignal;
}

const LOOK_INTERVAL_MS = 100;

/** Lets a service answer 503 for a while, and returns from when until when that, and the breakers, could be felt. */
export async function causeOutage(options: OutageOptions): Promise<Outage | undefined> {
  const { plan, stage, watch, started, say, signal } = options;
  const faults = `http://127.0.0.1:${stage.services[plan.service].controlPort}/faults`;
  let fromMs = Number.NaN;
  try {
    await started;
    await sleep(plan.atSecond * 1000, undefined, { signal });
    fromMs = Date.now();
    await order(faults, { method: 'PUT', body: JSON.stringify({ status: 503 }) });
    say(`${plan.service} answers 503 to everything, for ${plan.forSeconds} s`);
    await sleep(plan.forSeconds * 1000, undefined, { signal });
    await order(faults, { method: 'DELETE' });
    say(`${plan.service} is healthy again; its breakers close when they have found that out`);
    do await sleep(LOOK_INTERVAL_MS, undefined, { signal });
    while (!watch.areClosed(plan.service));
    say(`the breakers of ${plan.service} are closed again`);
  } catch (error) {
    // The run may end first: then the outage lasted as long as it did.
    if (!signal.aborted) throw error;
  }
  return Number.isNaN(fromMs) ? undefined : { upstream: plan.service, fromMs, untilMs: Date.now() };
}

async function order(url: string, request: RequestInit): Promise<void> {
  const answer = await fetch(url, { ...request, headers: { 'content-type': 'application/json' } });
  if (!answer.ok) throw new Error(`the fault was not taken: ${answer.status} ${await answer.text()}`);
}
