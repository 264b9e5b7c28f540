import type { HealthSources } from '../health/health-report.ts';
import { workerDetails } from '../health/worker-details.ts';
import type { SharedState } from '../shared-state/shared-state.ts';
import type { AppOptions } from './app-options.ts';
import type { connectUpstreams } from './connect-upstreams.ts';

/** What health answers and metrics ask. */
export function healthSources(
  { config, redis, logger, worker, isReady, memory, time }: AppOptions,
  {
    breakers,
    instances,
    isIdentityFailing,
    operator,
  }: Pick<ReturnType<typeof connectUpstreams>, 'breakers' | 'instances'> &
    Pick<HealthSources, 'isIdentityFailing'> & { operator: SharedState },
) {
  const startedAt = time.clock();
  const common = {
    isReady,
    isRedisAway: redis.isAway,
    refusedByRedis: redis.refused,
    areLogsFailing: logger.isFailing,
    sharedState: operator.report,
    breakers,
    instances,
    isIdentityFailing,
    uptimeSeconds: () => (time.clock() - startedAt) / 1000,
  };
  return {
    sources: { ...common, service: config.settings.SERVICE_NAME, version: worker.version },
    details: workerDetails({ ...common, worker: worker.id, pid: worker.pid, memory }),
  };
}
