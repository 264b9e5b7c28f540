import express, { type Express } from 'express';
import { authenticate, callerOf } from './auth/authenticate.ts';
import { authorize } from './auth/authorize.ts';
import { callerFromClaims } from './auth/identity-headers.ts';
import { sharedSecretKeys } from './auth/signing-keys.ts';
import { withTokenCache } from './auth/token-cache.ts';
import { verifyToken } from './auth/verify-token.ts';
import { allowOrigins } from './browser/allow-origins.ts';
import { securityHeaders } from './browser/security-headers.ts';
import type { Config } from './config/load-config.ts';
import { answerDocs } from './docs/answer-docs.ts';
import { apiDescription } from './docs/api-description.ts';
import { answerHealth } from './health/answer-health.ts';
import { type WorkerDetails, workerDetails } from './health/worker-details.ts';
import { accessLog } from './observe/access-log.ts';
import { beginRequest } from './observe/begin-request.ts';
import type { AccessLine, Logger } from './observe/logger.ts';
import { openMetrics, type Snapshot } from './observe/metrics.ts';
import { answerProblem } from './problem/answer-problem.ts';
import { limitLoginFailures } from './rate-limit/limit-login-failures.ts';
import { limitRate } from './rate-limit/limit-rate.ts';
import { type CounterLink, sharedCounter } from './rate-limit/shared-counter.ts';
import { checkRequest } from './route/check-request.ts';
import { matchRoute, routeFinder } from './route/match-route.ts';
import { requireRoute } from './route/require-route.ts';
import { callUpstream } from './upstream/call-upstream.ts';
import { forwardWith } from './upstream/forward.ts';
import { outgoingHeaders } from './upstream/outgoing-headers.ts';
import { undiciTransport } from './upstream/undici-transport.ts';
import { withBreaker } from './upstream/with-breaker.ts';
import { withRetry } from './upstream/with-retry.ts';

/** What the process lends the pipeline. */
export interface AppOptions {
  readonly config: Config;
  readonly redis: CounterLink;
  readonly logger: Logger;
  /** This worker, and how many share the limits while Redis is away. */
  readonly worker: {
    readonly id: string;
    readonly pid: number;
    readonly version: string;
    readonly siblings: number;
  };
  readonly isReady: () => boolean;
  readonly memory: () => NodeJS.MemoryUsage;
  readonly allWorkers: () => Promise<readonly WorkerDetails[]>;
  /** Milliseconds: `clock` is monotonic, for durations; `now` is since 1970, for dates. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
}

/** The pipeline with its connections to the upstreams. */
export interface App {
  readonly handle: Express;
  /** What this worker knows of itself. */
  readonly details: () => WorkerDetails;
  readonly metrics: () => Promise<Snapshot>;
  /** Puts on record what the pipeline never sees. */
  readonly record: (line: AccessLine) => void;
  /** Closes the connections to the upstreams, once no request needs them. */
  close(): Promise<void>;
}

/** Builds the pipeline. Read it downwards: it is the way of every request. Moving a line needs an ADR. */
export function createApp(options: AppOptions): App {
  const { logger, time, config } = options;
  const { gateway, settings } = config;
  const upstreams = connectUpstreams(options);
  const counting = countersOf(options);
  const health = healthOf(options, upstreams);
  const docs = docsOf(options);
  const metrics = openMetrics({ ...health.sources, lostLogLines: logger.lostLines });
  // Log and metrics are fed with the same line, so they can't tell different stories.
  const record = (line: AccessLine) => {
    logger.access(line);
    metrics.requestEnded(line);
  };
  const callerOfToken = withTokenCache({
    verify: verifyToken({
      keys: sharedSecretKeys(settings.JWT_SECRET),
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      now: time.now,
    }),
    toCaller: callerFromClaims(gateway.identity.headers),
    now: time.now,
  });
  const isAdmin = (req: express.Request) =>
    callerOf(req, callerOfToken)?.roles.includes(gateway.identity.adminRole) === true;

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Queries pass through unread: no stage looks at them, so none has to parse them.
  app.set('query parser', false);
  app.set('trust proxy', settings.TRUST_PROXY);

  // Gives every later line, log and answer the request's id.
  app.use(beginRequest({ isTrustedProxy: app.get('trust proxy fn'), clock: time.clock }));
  // Armed before anything can refuse, so that every refusal is on record.
  app.use(accessLog({ write: record, clock: time.clock }));
  // On every answer, refusals and health included.
  app.use(securityHeaders());
  // Before any stage looks at the path: behind it there is only one spelling of each path.
  app.use(checkRequest());
  // Never limited and without a token: load balancers ask all day.
  app.use(answerHealth({ ...health, allWorkers: options.allWorkers, isAdmin }));
  // Beside health, for the same reason: people read it before they have a token.
  app.use(answerDocs({ title: settings.SERVICE_NAME, document: docs.text }));
  // Before authentication: a browser's preflight has no token.
  app.use(allowOrigins(settings.ALLOWED_ORIGINS ?? []));
  // Before authentication and limits, whose rules depend on the route.
  app.use(matchRoute({ routes: gateway.routes }));
  // Before the limits: a valid token decides which limit counts.
  app.use(authenticate({ callerOfToken }));
  // Before every refusal below, so that guessing paths and tokens is counted.
  app.use(limitRate({ ...counting, onDecision: metrics.limitDecided }));
  app.use(limitLoginFailures({ ...counting, ...counting.loginFailures, onDecision: metrics.limitDecided }));
  app.use(requireRoute());
  app.use(authorize());
  app.use(callUpstream({ forwards: upstreams.forwards }));
  // Express finds it by its four parameters. The only place where an error becomes a response.
  app.use(answerProblem({ logger }));

  const close = async () => {
    docs.close();
    await upstreams.close();
  };
  return { handle: app, details: health.details, metrics: metrics.snapshot, record, close };
}

/** Each upstream's way: a breaker round a retry round the proxy round a pool of connections. */
function connectUpstreams({ config, logger, time }: AppOptions) {
  const { upstreams, identity } = config.gateway;
  const headers = outgoingHeaders(Object.keys(identity.headers));
  const connected = Object.entries(upstreams).map(([name, settings]) => {
    const transport = undiciTransport({ settings, outgoingHeaders: headers, clock: time.clock });
    const breaker = withBreaker(withRetry(forwardWith(transport.forward, { target: settings.url })), {
      name,
      settings: settings.breaker,
      clock: time.clock,
      onChange: (state) => logger.warn(`circuit breaker of ${name} is ${state}`, { upstream: name, state }),
    });
    return { name, transport, breaker };
  });
  return {
    forwards: new Map(connected.map(({ name, breaker }) => [name, breaker.forward])),
    breakers: () => Object.fromEntries(connected.map(({ name, breaker }) => [name, breaker.report()])),
    async close() {
      for (const { breaker } of connected) breaker.close();
      await Promise.all(connected.map(({ transport }) => transport.close()));
    },
  };
}

/** The services' descriptions, which become one by the rules of the routes. */
function docsOf({ config, worker, logger, time }: AppOptions) {
  const { upstreams, routes } = config.gateway;
  const find = routeFinder(routes);
  return apiDescription({
    title: config.settings.SERVICE_NAME,
    version: worker.version,
    upstreams,
    routes,
    routeOf: (path, method) =>
      find(path)?.entries.find(({ methods }) => (methods as readonly string[]).includes(method)),
    time,
    logger,
  });
}

function countersOf({ config, redis, worker, time }: AppOptions) {
  const { settings } = config;
  const windowMs = settings.RATE_LIMIT_WINDOW_MS;
  const counter = (prefix: string) =>
    sharedCounter({
      link: redis,
      prefix: `psa:limit:${prefix}:`,
      windowMs,
      workers: worker.siblings,
      now: time.now,
    });
  return {
    windowMs,
    anonymous: { counter: counter('anonymous'), limit: settings.RATE_LIMIT_MAX_REQUESTS },
    user: { counter: counter('user'), limit: settings.USER_RATE_LIMIT_MAX },
    loginFailures: { counter: counter('login-failures'), limit: settings.AUTH_RATE_LIMIT_MAX },
  };
}

function healthOf(
  { config, redis, logger, worker, isReady, memory, time }: AppOptions,
  { breakers }: ReturnType<typeof connectUpstreams>,
) {
  const startedAt = time.clock();
  const common = {
    isReady,
    isRedisAway: redis.isAway,
    areLogsFailing: logger.isFailing,
    breakers,
    uptimeSeconds: () => (time.clock() - startedAt) / 1000,
  };
  return {
    sources: { ...common, service: config.settings.SERVICE_NAME, version: worker.version },
    details: workerDetails({ ...common, worker: worker.id, pid: worker.pid, memory }),
  };
}
