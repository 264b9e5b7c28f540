import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bearer, tokenFor } from '../../test/support/gateway.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import type { SoakFigures } from '../report/result.ts';
import { startGuardedPm2Gateway } from '../rig/pm2-gateway.ts';
import { faultyService, restlessService } from './services.ts';
import { steadyClients } from './steady-clients.ts';
import { type Series, trendOf } from './trend.ts';
import { unrulyClients } from './unruly-clients.ts';
import { watchWorkers } from './watch-workers.ts';

interface SoakOptions {
  readonly minutes: number;
  readonly say: (text: string) => void;
}

const LOOK_MS = 5000;
const RATES = { steady: 150, faulty: 50, unruly: 20 };
const NO_LIMIT = '10000000';

/**
 * Two workers as shipped, under clients that behave, clients that don't, and services that fail in every way. What nobody
 * caused must not fail, no worker may end, and nothing may grow.
 */
export async function soakGateway({ minutes, say }: SoakOptions): Promise<{ figures: SoakFigures; series: Series[] }> {
  const stage = await setUp();
  try {
    const load = startLoad(stage);
    const watch = watchWorkers({ url: stage.gateway.url, looksFile: stage.looksFile });
    // By the clock: on a busy machine a look takes its time.
    const startedAt = performance.now();
    for (let minute = 1; minute <= minutes; minute++) {
      while (performance.now() - startedAt < minute * 60_000) {
        await sleep(LOOK_MS);
        await watch.look();
      }
      say(`${minute} of ${minutes} minutes`);
    }
    await load.stop();
    const workers = await stage.gateway.workers();
    const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
    const series = watch.series();
    const trends = series.map(trendOf);
    const events = load.events();
    const isWhole = Object.keys(load.steady.counts).every((what) => what === 'status 200');
    const isSound = isWhole && restarts === 0 && trends.every(({ isFlat }) => isFlat);
    return { figures: { minutes, trends, events, restarts, isSound }, series };
  } finally {
    await stage.tearDown();
  }
}

async function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'psa-soak-'));
  const looksFile = join(folder, 'looks.jsonl');
  const [redis, restless, faulty] = await Promise.all([startRedis(), restlessService(), faultyService()]);
  const tearDownRest = async () => {
    await Promise.all([redis.stop(), restless.stop(), faulty.stop()]);
    rmSync(folder, { recursive: true });
  };
  const gateway = await startGuardedPm2Gateway({
    REDIS_PORT: String(redis.port),
    AUTH_SERVICE_URL: `http://127.0.0.1:${restless.port}`,
    CRM_SERVICE_URL: `http://127.0.0.1:${restless.port}`,
    TICKETS_SERVICE_URL: `http://127.0.0.1:${faulty.port}`,
    RATE_LIMIT_MAX_REQUESTS: NO_LIMIT,
    USER_RATE_LIMIT_MAX: NO_LIMIT,
    NODE_OPTIONS: `--import ${join(import.meta.dirname, 'live-objects.ts')}`,
    SOAK_LOOKS: looksFile,
  }).catch(async (error: unknown) => {
    await tearDownRest();
    throw error;
  });
  return {
    gateway,
    looksFile,
    async tearDown() {
      await gateway.stop();
      await tearDownRest();
    },
  };
}

function startLoad({ gateway: { port, url } }: Awaited<ReturnType<typeof setUp>>) {
  const { authorization } = bearer(tokenFor({}, { expiresIn: '1d' }));
  const steady = steadyClients({ url: `${url}/api/v1/crm/thing`, authorization, perSecond: RATES.steady });
  const faulty = steadyClients({ url: `${url}/api/v1/tickets/thing`, authorization, perSecond: RATES.faulty });
  const unruly = unrulyClients({ port, authorization, perSecond: RATES.unruly });
  return {
    steady,
    events: () => ({
      ...prefixed('good service: ', steady.counts),
      ...prefixed('faulty service: ', faulty.counts),
      ...prefixed('client that ', unruly.counts),
    }),
    async stop() {
      unruly.stop();
      await Promise.all([steady.stop(), faulty.stop()]);
    },
  };
}

function prefixed(prefix: string, counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${prefix}${name}`, count]));
}
