import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { webSocketEnds } from '../context.ts';
import { catalog } from '../problem/catalog.ts';
import type { AccessLine } from './logger.ts';
import { metricDefinitions, SECONDS } from './metrics.ts';
import { lookWhenAsked, type MetricSources } from './state-metrics.ts';
import type { Snapshot } from './sum-metrics.ts';

const limits = ['anonymous', 'user', 'login_failures'] as const;
const decisions = ['passed', 'refused'] as const;
export type LimitDecision = (typeof decisions)[number] | 'would_refuse';

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

/** The gateway's own paths are no routes of `gateway.yaml`. */
const OWN_PATH = /^\/(?:health|api-docs|\.well-known\/jwks)(?=[/.?]|$)/;

function routeOf({ route, path }: AccessLine): string {
  if (route !== undefined) return route;
  const own = path === undefined ? null : OWN_PATH.exec(path);
  return own === null ? 'none' : `${own[0]}*`;
}

function classOf(status: number | undefined): string {
  return status === undefined ? 'none' : `${Math.floor(status / 100)}xx`;
}
