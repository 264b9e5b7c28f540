/** How a dependency is doing. */
export interface DependencyReport {
  /** `refusing`: it serves, but not all that we need of it. Redis only. */
  readonly status: 'up' | 'down' | 'refusing';
  /** The breaker's state, where there is one. */
  readonly breaker?: string;
}

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** What the report is made of; each a question to a neighbour. */
export interface HealthSources {
  readonly service: string;
  readonly version: string;
  /** Whether this worker may take traffic: not while it starts or drains. */
  readonly isReady: () => boolean;
  readonly isRedisAway: () => boolean;
  readonly refusedByRedis: () => readonly { readonly isRecent: boolean }[];
  readonly areLogsFailing: () => boolean;
  /** How well this worker knows what the operator keeps in Redis. */
  readonly sharedState: () => { readonly state: string };
  readonly breakers: () => Readonly<Record<string, { readonly state: string }>>;
  /** Of each upstream that has a breaker. */
  readonly instances: () => Readonly<Record<string, readonly { readonly state: string }[]>>;
  /** Whether some tokens can't be judged, or by old keys only; undefined if nobody is asked about tokens. */
  readonly isIdentityFailing: (() => boolean) | undefined;
  /** Seconds since the worker started. */
  readonly uptimeSeconds: () => number;
}

/** The answer of `GET /health`. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly service: string;
  readonly version: string;
  /** Seconds since the worker started. */
  readonly uptime: number;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly dependencies: Readonly<Record<string, DependencyReport>>;
}

/**
 * How the worker is doing. Degraded still serves: without Redis, or its permission, limits are per worker; without room
 * for logs nothing is on record; revocations, API keys and tenants may be older than they should; an open breaker, or a
 * service without a healthy instance, is one service; and keys that can't be fetched are those of before.
 */
export function healthReport(sources: HealthSources): HealthReport {
  const redis: DependencyReport = { status: redisStatus(sources) };
  const logs: DependencyReport = { status: sources.areLogsFailing() ? 'down' : 'up' };
  const sharedState: DependencyReport = { status: sources.sharedState().state === 'fresh' ? 'up' : 'down' };
  const { isIdentityFailing } = sources;
  const identity = isIdentityFailing && { identity: { status: isIdentityFailing() ? 'down' : 'up' } as const };
  const instances = sources.instances();
  const upstreams = Object.entries(sources.breakers()).map(([name, { state }]): [string, DependencyReport] => {
    const isServed = instances[name]?.some((instance) => instance.state === 'healthy') !== false;
    return [name, { status: isServed && state === 'CLOSED' ? 'up' : 'down', breaker: state }];
  });
  const dependencies: Record<string, DependencyReport> = {
    redis,
    logs,
    sharedState,
    ...identity,
    ...Object.fromEntries(upstreams),
  };
  return {
    status: statusOf(sources.isReady(), Object.values(dependencies)),
    service: sources.service,
    version: sources.version,
    uptime: Math.round(sources.uptimeSeconds()),
    timestamp: new Date().toISOString(),
    dependencies,
  };
}

/** How Redis is doing for this worker. */
export function redisStatus({ isRedisAway, refusedByRedis }: Pick<HealthSources, 'isRedisAway' | 'refusedByRedis'>) {
  if (isRedisAway()) return 'down';
  return refusedByRedis().some(({ isRecent }) => isRecent) ? 'refusing' : 'up';
}

function statusOf(isReady: boolean, dependencies: readonly DependencyReport[]): HealthStatus {
  if (!isReady) return 'unhealthy';
  return dependencies.every(({ status }) => status === 'up') ? 'healthy' : 'degraded';
}
