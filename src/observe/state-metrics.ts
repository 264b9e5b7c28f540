import { Counter, Gauge, type Registry } from 'prom-client';
import { metricDefinitions } from './metrics.ts';

interface InstanceSample {
  readonly state: 'healthy' | 'unhealthy' | 'ejected';
  /** Since the worker started. */
  readonly ejections: number;
}

interface Concurrency {
  readonly limit: number;
  readonly underWay: number;
}

interface KeySetSample {
  readonly ageSeconds: number | undefined;
  readonly fetches: Readonly<Record<'ok' | 'failed', number>>;
}

/** What the gauges ask when somebody looks. */
export interface MetricSources {
  readonly breakers: () => Readonly<Record<string, { readonly state: string; readonly openings: number }>>;
  readonly instances: () => Readonly<Record<string, readonly InstanceSample[]>>;
  readonly load: () => Concurrency;
  /** By upstream. */
  readonly concurrency: () => Readonly<Record<string, Concurrency>>;
  readonly tokenCache: () => Readonly<Record<'hit' | 'miss', number>>;
  /** By issuer. */
  readonly keySets: () => Readonly<Record<string, KeySetSample>>;
  /** The names of limits that the configuration adds. */
  readonly limits?: readonly string[];
  readonly isRedisAway: () => boolean;
  readonly refusedByRedis: () => readonly { readonly command: string; readonly kind: string; readonly count: number }[];
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

/** Gauges, and counters that somebody else counts, read when somebody asks. */
export function lookWhenAsked(sources: MetricSources, registers: Registry[]): void {
  lookAtUpstreams(sources, registers);
  lookAtConcurrency(sources, registers);
  lookAtTokens(sources, registers);
  lookAtRedis(sources, registers);
  lookAtWorker(sources, registers);
}

function lookAtUpstreams({ breakers, instances }: MetricSources, registers: Registry[]): void {
  const define = metricDefinitions;
  new Gauge({
    ...define.breakerWorkers,
    registers,
    collect() {
      this.reset();
      for (const [upstream, { state }] of Object.entries(breakers())) this.set({ upstream, state }, 1);
    },
  });
  new Counter({
    ...define.breakerOpenings,
    registers,
    collect() {
      this.reset();
      for (const [upstream, { openings }] of Object.entries(breakers())) this.inc({ upstream }, openings);
    },
  });
  new Gauge({
    ...define.instances,
    registers,
    collect() {
      for (const [upstream, all] of Object.entries(instances())) {
        const by = Object.groupBy(all, ({ state }) => state);
        for (const state of instanceStates) this.set({ upstream, state }, by[state]?.length ?? 0);
      }
    },
  });
  new Counter({
    ...define.ejections,
    registers,
    collect() {
      this.reset();
      for (const [upstream, all] of Object.entries(instances()))
        for (const { ejections } of all) this.inc({ upstream }, ejections);
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

function lookAtTokens({ tokenCache, keySets }: MetricSources, registers: Registry[]): void {
  new Counter({
    ...metricDefinitions.tokenCache,
    registers,
    collect() {
      this.reset();
      for (const [result, count] of Object.entries(tokenCache())) this.inc({ result }, count);
    },
  });
  new Counter({
    ...metricDefinitions.keySetFetches,
    registers,
    collect() {
      this.reset();
      for (const [issuer, { fetches }] of Object.entries(keySets()))
        for (const [result, count] of Object.entries(fetches)) this.inc({ issuer, result }, count);
    },
  });
  new Gauge({
    ...metricDefinitions.keySetAge,
    registers,
    collect() {
      for (const [issuer, { ageSeconds }] of Object.entries(keySets()))
        if (ageSeconds !== undefined) this.set({ issuer }, ageSeconds);
    },
  });
}

function lookAtRedis({ isRedisAway, refusedByRedis, sharedState }: MetricSources, registers: Registry[]): void {
  const define = metricDefinitions;
  new Gauge({
    ...define.redisUp,
    registers,
    collect() {
      this.set(isRedisAway() ? 0 : 1);
    },
  });
  new Counter({
    ...define.redisRefusals,
    registers,
    collect() {
      this.reset();
      for (const { command, kind, count } of refusedByRedis()) this.inc({ command, kind }, count);
    },
  });
  new Gauge({
    ...define.sharedStateAge,
    registers,
    collect() {
      this.set(sharedState().ageSeconds);
    },
  });
  new Gauge({
    ...define.sharedStateRecords,
    registers,
    collect() {
      for (const [table, count] of Object.entries(sharedState().records)) this.set({ table }, count);
    },
  });
}

function lookAtWorker({ isReady, lostLogLines, openWebSockets, version }: MetricSources, registers: Registry[]): void {
  const define = metricDefinitions;
  new Gauge({
    ...define.workers,
    registers,
    collect() {
      this.reset();
      this.set({ state: isReady() ? 'ready' : 'not_ready' }, 1);
    },
  });
  new Counter({
    ...define.lostLogLines,
    registers,
    collect() {
      this.reset();
      this.inc(lostLogLines());
    },
  });
  new Gauge({
    ...define.webSockets,
    registers,
    collect() {
      this.set(openWebSockets());
    },
  });
  new Gauge({
    ...define.build,
    registers,
    collect() {
      this.set({ version }, 1);
    },
  });
}
