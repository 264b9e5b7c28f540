import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { webSocketEnds } from '../context.ts';
import { catalog } from '../problem/catalog.ts';
import type { AccessLine } from './logger.ts';

/** From a fast answer of a service on the same machine to the longest wait that `gateway.yaml` ships with. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

/**
 * Every metric of the gateway's own. Labels take their values from closed sets, never from paths, ids or addresses: each
 * new value is another line in every answer, for ever.
 */
export const metricDefinitions = {
  requests: {
    name: 'gateway_http_requests_total',
    help: 'Requests that were answered or given up: one for each line of access.log.',
    labelNames: ['method', 'route', 'status'],
  },
  duration: {
    name: 'gateway_http_request_duration_seconds',
    help: 'From the first stage to the last byte of the answer. `status` is the class, such as 2xx.',
    labelNames: ['route', 'status'],
    buckets: SECONDS,
  },
  rejections: {
    name: 'gateway_rejections_total',
    help: 'Requests that the gateway refused or could not complete, by reason (docs/problems.md).',
    labelNames: ['reason'],
  },
  upstreamDuration: {
    name: 'gateway_upstream_duration_seconds',
    help: 'From the start of a call to its response head; `status` is the class, or `none` if no head came.',
    labelNames: ['upstream', 'status'],
    buckets: SECONDS,
  },
  retries: {
    name: 'gateway_upstream_retries_total',
    help: 'Further tries of calls that had failed without an answer.',
    labelNames: ['upstream'],
  },
  instances: {
    name: 'gateway_upstream_instances',
    help: 'Instances of the upstream by state: healthy, unhealthy (its checks say so) or ejected (for failed requests). Each worker counts each instance.',
    labelNames: ['upstream', 'state'],
  },
  ejections: {
    name: 'gateway_upstream_ejections_total',
    help: 'How often an instance was left out for a while because its requests failed.',
    labelNames: ['upstream'],
  },
  breakerWorkers: {
    name: 'gateway_breaker_workers',
    help: 'How many workers have the breaker of the upstream in the state CLOSED, OPEN or HALF_OPEN.',
    labelNames: ['upstream', 'state'],
  },
  breakerOpenings: {
    name: 'gateway_breaker_openings_total',
    help: 'How often a breaker has opened.',
    labelNames: ['upstream'],
  },
  workerLimit: {
    name: 'gateway_worker_requests_limit',
    help: 'Requests at a time that the workers take at the moment, together. More get 503 `overloaded` (docs/runbooks/overloaded.md).',
    labelNames: [],
  },
  workerUnderWay: {
    name: 'gateway_worker_requests',
    help: 'Requests that the workers are working on, each until the head of its answer.',
    labelNames: [],
  },
  upstreamLimit: {
    name: 'gateway_upstream_requests_limit',
    help: 'Requests at a time that the workers give the upstream at the moment, together. More get 503 `overloaded`.',
    labelNames: ['upstream'],
  },
  upstreamUnderWay: {
    name: 'gateway_upstream_requests',
    help: 'Requests that wait for the head of their answer from the upstream.',
    labelNames: ['upstream'],
  },
  limitDecisions: {
    name: 'gateway_rate_limit_decisions_total',
    help: 'What the limits decided: `limit` is anonymous, user, login_failures, plan, quota or the name of a policy, `decision` passed, refused, or would_refuse for a policy in shadow mode.',
    labelNames: ['limit', 'decision'],
  },
  webSockets: {
    name: 'gateway_websockets',
    help: 'WebSockets that are open.',
    labelNames: [],
  },
  webSocketsEnded: {
    name: 'gateway_websockets_ended_total',
    help: 'WebSockets that have ended. `end` is closed (the two agreed), client_left or upstream_left (without a word), idle, unanswered_ping, protocol_error, revoked (its caller may no longer call) or draining.',
    labelNames: ['end'],
  },
  redisUp: {
    name: 'gateway_redis_up',
    help: '1 if every worker can use Redis; 0 if at least one counts by itself.',
    labelNames: [],
    aggregator: 'min',
  },
  sharedStateAge: {
    name: 'gateway_shared_state_age_seconds',
    help: 'How long ago the worker that knows least was last told of revocations, API keys and tenants; since its start if it never was.',
    labelNames: [],
    aggregator: 'max',
  },
  sharedStateRecords: {
    name: 'gateway_shared_state_records',
    help: 'Records that each worker holds: revocations, api-keys, tenants.',
    labelNames: ['table'],
    aggregator: 'max',
  },
  workers: {
    name: 'gateway_workers',
    help: 'Workers of this machine that answered, by whether they may take traffic: ready, or not while starting or draining.',
    labelNames: ['state'],
  },
  lostLogLines: {
    name: 'gateway_log_lines_lost_total',
    help: 'Log lines that are in none of their files, because those could not be written to for long.',
    labelNames: [],
  },
  build: {
    name: 'gateway_build_info',
    help: 'Always 1 for each worker; `version` is the one that it runs.',
    labelNames: ['version'],
  },
} as const;

interface InstanceSample {
  readonly state: 'healthy' | 'unhealthy' | 'ejected';
  /** Since the worker started. */
  readonly ejections: number;
}

interface Concurrency {
  readonly limit: number;
  readonly underWay: number;
}

/** What the gauges ask when somebody looks. */
export interface MetricSources {
  readonly breakers: () => Readonly<Record<string, { readonly state: string; readonly openings: number }>>;
  readonly instances: () => Readonly<Record<string, readonly InstanceSample[]>>;
  readonly load: () => Concurrency;
  /** By upstream. */
  readonly concurrency: () => Readonly<Record<string, Concurrency>>;
  /** The names of limits that the configuration adds. */
  readonly limits?: readonly string[];
  readonly isRedisAway: () => boolean;
  readonly sharedState: () => {
    readonly ageSeconds: number;
    readonly records: Readonly<Record<string, number>>;
  };
  readonly isReady: () => boolean;
  readonly lostLogLines: () => number;
  readonly openWebSockets: () => number;
  readonly version: string;
}

const instanceStates = ['healthy', 'unhealthy', 'ejected'] as const;
const limits = ['anonymous', 'user', 'login_failures'] as const;
const decisions = ['passed', 'refused'] as const;
export type LimitDecision = (typeof decisions)[number] | 'would_refuse';

/** All metrics of one worker, as JSON can carry them. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The metrics of this worker. */
export interface Metrics {
  /** One request, once its line is written. */
  requestEnded(line: AccessLine): void;
  limitDecided(limit: string, decision: LimitDecision): void;
  snapshot(): Promise<Snapshot>;
}

/** Opens the metrics of this worker: the gateway's own, and those of Node and its process. */
export function openMetrics(sources: MetricSources): Metrics {
  // Not prom-client's global one: a test starts several gateways in one process.
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const define = metricDefinitions;
  const requests = new Counter({ ...define.requests, registers });
  const duration = new Histogram({ ...define.duration, buckets: [...SECONDS], registers });
  const rejections = new Counter({ ...define.rejections, registers });
  const upstreamDuration = new Histogram({ ...define.upstreamDuration, buckets: [...SECONDS], registers });
  const retries = new Counter({ ...define.retries, registers });
  const limitDecisions = new Counter({ ...define.limitDecisions, registers });
  const webSocketsEnded = new Counter({ ...define.webSocketsEnded, registers });
  lookWhenAsked(sources, registers);
  // A counter that appears with its first event shows no increase by it.
  for (const reason of Object.keys(catalog)) rejections.inc({ reason }, 0);
  for (const limit of [...limits, ...(sources.limits ?? [])])
    for (const decision of decisions) limitDecisions.inc({ limit, decision }, 0);
  for (const end of webSocketEnds) webSocketsEnded.inc({ end }, 0);

  return {
    requestEnded(line) {
      const { method = 'none', status, reason, upstream, upstreamStatus, upstreamMs, durationMs = 0 } = line;
      const route = routeOf(line);
      requests.inc({ method, route, status });
      // The life of a WebSocket is no response time.
      if (line.webSocketEnd === undefined) duration.observe({ route, status: classOf(status) }, durationMs / 1000);
      else webSocketsEnded.inc({ end: line.webSocketEnd });
      if (reason !== undefined) rejections.inc({ reason });
      if (upstream === undefined) return;
      if (line.retries !== undefined) retries.inc({ upstream }, line.retries);
      // Without a head there is only the whole time to tell; a refusal of the breaker, or a client that left, is no call.
      const failed = reason?.startsWith('upstream_') === true;
      const waitedMs = upstreamMs ?? (failed ? durationMs : undefined);
      if (waitedMs !== undefined) {
        upstreamDuration.observe({ upstream, status: classOf(upstreamStatus) }, waitedMs / 1000);
      }
    },
    limitDecided: (limit, decision) => limitDecisions.inc({ limit, decision }),
    snapshot: () => register.getMetricsAsJSON(),
  };
}

/** Adds up what several workers have counted. Each metric knows how: a gauge of the slowest worker is a maximum. */
export function sumOfMetrics(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  return AggregatorRegistry.aggregate([...snapshots]).getMetricsAsJSON();
}

/** The sum as Prometheus reads it. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export async function textOfMetrics(snapshots: readonly Snapshot[]): Promise<{ contentType: string; text: string }> {
  const sum = AggregatorRegistry.aggregate([...snapshots]);
  return { contentType: sum.contentType, text: await sum.metrics() };
}

/** Gauges that have a state to report, read when somebody asks. */
function lookWhenAsked(sources: MetricSources, registers: Registry[]): void {
  const define = metricDefinitions;
  new Gauge({
    ...define.breakerWorkers,
    registers,
    collect() {
      this.reset();
      for (const [upstream, { state }] of Object.entries(sources.breakers())) this.set({ upstream, state }, 1);
    },
  });
  new Counter({
    ...define.breakerOpenings,
    registers,
    collect() {
      this.reset();
      for (const [upstream, { openings }] of Object.entries(sources.breakers())) this.inc({ upstream }, openings);
    },
  });
  new Gauge({
    ...define.instances,
    registers,
    collect() {
      for (const [upstream, instances] of Object.entries(sources.instances())) {
        const by = Object.groupBy(instances, ({ state }) => state);
        for (const state of instanceStates) this.set({ upstream, state }, by[state]?.length ?? 0);
      }
    },
  });
  new Counter({
    ...define.ejections,
    registers,
    collect() {
      this.reset();
      for (const [upstream, instances] of Object.entries(sources.instances()))
        for (const { ejections } of instances) this.inc({ upstream }, ejections);
    },
  });
  lookAtConcurrency(sources, registers);
  new Gauge({
    ...define.redisUp,
    registers,
    collect() {
      this.set(sources.isRedisAway() ? 0 : 1);
    },
  });
  new Gauge({
    ...define.sharedStateAge,
    registers,
    collect() {
      this.set(sources.sharedState().ageSeconds);
    },
  });
  new Gauge({
    ...define.sharedStateRecords,
    registers,
    collect() {
      for (const [table, count] of Object.entries(sources.sharedState().records)) this.set({ table }, count);
    },
  });
  new Gauge({
    ...define.workers,
    registers,
    collect() {
      this.reset();
      this.set({ state: sources.isReady() ? 'ready' : 'not_ready' }, 1);
    },
  });
  new Counter({
    ...define.lostLogLines,
    registers,
    collect() {
      this.reset();
      this.inc(sources.lostLogLines());
    },
  });
  new Gauge({
    ...define.webSockets,
    registers,
    collect() {
      this.set(sources.openWebSockets());
    },
  });
  new Gauge({
    ...define.build,
    registers,
    collect() {
      this.set({ version: sources.version }, 1);
    },
  });
}

function lookAtConcurrency({ load, concurrency }: MetricSources, registers: Registry[]): void {
  const define = metricDefinitions;
  const ofWorker = (definition: typeof define.workerLimit | typeof define.workerUnderWay, of: keyof Concurrency) =>
    new Gauge({
      ...definition,
      registers,
      collect() {
        this.set(load()[of]);
      },
    });
  const ofUpstream = (
    definition: typeof define.upstreamLimit | typeof define.upstreamUnderWay,
    of: keyof Concurrency,
  ) =>
    new Gauge({
      ...definition,
      registers,
      collect() {
        for (const [upstream, now] of Object.entries(concurrency())) this.set({ upstream }, now[of]);
      },
    });
  ofWorker(define.workerLimit, 'limit');
  ofWorker(define.workerUnderWay, 'underWay');
  ofUpstream(define.upstreamLimit, 'limit');
  ofUpstream(define.upstreamUnderWay, 'underWay');
}

/** The gateway's own paths are no routes of `gateway.yaml`. */
const OWN_PATH = /^\/(?:health|api-docs)(?=[/.?]|$)/;

function routeOf({ route, path }: AccessLine): string {
  if (route !== undefined) return route;
  const own = path === undefined ? null : OWN_PATH.exec(path);
  return own === null ? 'none' : `${own[0]}*`;
}

function classOf(status: number | undefined): string {
  return status === undefined ? 'none' : `${Math.floor(status / 100)}xx`;
}
