import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PREFIX } from '../contenders/contender.ts';
import { startOneWorker } from '../contenders/gateway.ts';
import { cpuTimeOf } from '../measure/process-account.ts';
import { rounded } from '../measure/statistics.ts';
import { wrk } from '../measure/wrk.ts';
import { type CpuProfile, callTree } from '../profile/cpu-profile.ts';
import { flameGraph } from '../profile/flame-graph.ts';
import { shareByOwner } from '../profile/share-by-owner.ts';
import type { ProfileFigures } from '../report/result.ts';
import { payloads } from '../rig/payloads.ts';
import type { Rig } from '../rig/rig.ts';

interface ProfileOptions {
  readonly rig: Rig;
  readonly seconds: number;
  readonly connections: number;
  readonly say: (text: string) => void;
}

const WARM_UP_SECONDS = 6;
/** Four times as often as by default. It slows the gateway down a little, each part alike. */
const INTERVAL_MICROSECONDS = '250';

/** Where a worker's time goes while it is saturated: by stage, and as a flame graph. */
export async function measureProfile({ rig, seconds, connections, say }: ProfileOptions) {
  const folder = join(rig.folder, 'profile');
  const gateway = await startOneWorker({
    folder: rig.folder,
    upstreamPort: rig.upstream.port,
    redisPort: rig.redis.port,
    nodeArgs: ['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', INTERVAL_MICROSECONDS],
  });
  let figures: Omit<ProfileFigures, 'shares'>;
  let span: { from: number; until: number };
  try {
    const { path = '', bytes: bodyBytes = 0 } = payloads[0] ?? {};
    const load = {
      url: `http://127.0.0.1:${gateway.port}${PREFIX}${path}`,
      headers: rig.headers,
      connections,
      bodyBytes,
    };
    say('warming up');
    await wrk({ ...load, seconds: WARM_UP_SECONDS });
    say(`profiling for ${seconds} s`);
    const from = nowMicroseconds();
    const before = cpuTimeOf([gateway.pid]);
    const { requests } = await wrk({ ...load, seconds });
    const after = cpuTimeOf([gateway.pid]);
    span = { from, until: nowMicroseconds() };
    const used = after.user + after.system - before.user - before.system;
    figures = { seconds, requests, microsecondsPerRequest: rounded(used / requests) };
  } finally {
    // It writes the profile at its end.
    await gateway.stop();
  }
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile')) ?? '';
  const tree = callTree(JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile, span);
  const title = `CPU time of one worker, 200 B, ${connections} connections, ${figures.microsecondsPerRequest} µs per request`;
  return { profile: { ...figures, shares: shareByOwner(tree) }, flameGraph: flameGraph(tree, title) };
}

function nowMicroseconds(): number {
  return Number(process.hrtime.bigint()) / 1000;
}
