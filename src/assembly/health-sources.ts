import { workerDetails } from '../health/worker-details.ts';
import type { SharedState } from '../shared-state/shared-state.ts';
import type { AppOptions } from './app-options.ts';
import type { connectUpstreams } from './connect-upstreams.ts';

/** What health answers and metrics ask. */
export function healthSources(
  { config, redis, logger, worker, isReady, memory, time }: AppOptions,
  { breakers, instances, operator }: ReturnType<typeof connectUpstreams> & { operator: SharedState },
) {
  const startedAt = time.clock();
  const common = {
    isReady,
    isRedisAway: redis.isAway,
    areLogsFailing: logger.isFailing,
    sharedState: operator.report,
    breakers,
    instances,
    uptimeSeconds: () => (time.clock() - startedAt) / 1000,
  };
  return {
    sources: { ...common, service: config.settings.SERVICE_NAME, version: worker.version },
    details: workerDetails({ ...common, worker: worker.id, pid: worker.pid, memory }),
  };
}
