import type { IncomingMessage, RequestListener } from 'node:http';
import express from 'express';
import type { AppOptions } from './assembly/app-options.ts';
import { connectUpstreams } from './assembly/connect-upstreams.ts';
import { countersOf } from './assembly/counters.ts';
import { describeApi } from './assembly/describe-api.ts';
import { healthSources } from './assembly/health-sources.ts';
import { explainRefusals, keepAuditLog } from './assembly/keep-records.ts';
import { operatorState } from './assembly/operator-state.ts';
import { tokenIdentity } from './assembly/token-identity.ts';
import { answerKeySet } from './auth/answer-key-set.ts';
import { authenticate, validCallerOf } from './auth/authenticate.ts';
import { authorize } from './auth/authorize.ts';
import { allowOrigins } from './browser/allow-origins.ts';
import { securityHeaderList, securityHeaders } from './browser/security-headers.ts';
import type { Config } from './config/load-config.ts';
import { contextOf } from './context.ts';
import { answerDocs } from './docs/answer-docs.ts';
import { answerExplain } from './explain/answer-explain.ts';
import { answerHealth } from './health/answer-health.ts';
import type { WorkerDetails } from './health/worker-details.ts';
import { accessLog } from './observe/access-log.ts';
import { beginRequest } from './observe/begin-request.ts';
import { lineOfRefusal } from './observe/line-of-refusal.ts';
import type { AccessLine } from './observe/logger.ts';
import { openMetrics } from './observe/open-metrics.ts';
import type { Snapshot } from './observe/sum-metrics.ts';
import { randomHex } from './observe/trace-context.ts';
import { shedLoad } from './overload/shed-load.ts';
import { writeHeadWithOwn } from './own-headers.ts';
import { answerProblem } from './problem/answer-problem.ts';
import { addressKey } from './rate-limit/address-key.ts';
import { beginLogin } from './rate-limit/begin-login.ts';
import { denyAddresses } from './rate-limit/deny-addresses.ts';
import { limitLoginFailures } from './rate-limit/limit-login-failures.ts';
import { limitRate } from './rate-limit/limit-rate.ts';
import { refuseRevoked } from './revocation/refuse-revoked.ts';
import { checkRequest } from './route/check-request.ts';
import { matchRoute, routeFinder } from './route/match-route.ts';
import { normalisePath } from './route/normalise-path.ts';
import { requireRoute } from './route/require-route.ts';
import { findTenant } from './tenants/find-tenant.ts';
import { refuseSuspended } from './tenants/refuse-suspended.ts';
import { callUpstream } from './upstream/call-upstream.ts';
import { checkHandshake } from './websocket/check-handshake.ts';
import { isHandshakeOf } from './websocket/is-handshake.ts';
import { limitWebSockets } from './websocket/limit-websockets.ts';
import { takeSubprotocolToken } from './websocket/take-subprotocol-token.ts';
import { webSockets } from './websocket/websockets.ts';

/** The pipeline with its connections to the upstreams. */
export interface App {
  readonly handle: RequestListener;
  /** Settles when the keys of all issuers are there, or could not be had. */
  readonly firstKeys: Promise<unknown>;
  /** What this worker knows of itself. */
  readonly details: () => WorkerDetails;
  readonly metrics: () => Promise<Snapshot>;
  /** Puts on record what the pipeline never sees. */
  readonly record: (line: AccessLine) => void;
  /** Whether a request leaves HTTP if all goes well, asked before any stage has run; undefined if none does. */
  readonly isHandshake: ((req: IncomingMessage) => boolean) | undefined;
  /** Closes the WebSockets: their clients come back, to another worker. */
  closeWebSockets(): void;
  /** Closes the connections to the upstreams, once no request needs them. */
  close(): Promise<void>;
}

/** Builds the pipeline. Read it downwards: it is the way of every request. Moving a line needs an ADR. */
export function createApp(options: AppOptions): App {
  const { logger, time, config } = options;
  const { gateway, settings } = config;
  const identity = tokenIdentity(options);
  const operator = operatorState(options, identity);
  const sockets = webSockets({ limits: gateway.websockets, whyRefused: operator.whyRefused, ...time });
  operator.state.onChange(sockets.closeRefused);
  const upstreams = connectUpstreams(options, { ...sockets, ...identity, isLate: () => door.isLate() });
  const counting = countersOf(options);
  const health = healthSources(options, {
    ...upstreams,
    isIdentityFailing: identity.isFailing,
    operator: operator.state,
  });
  const docs = describeApi(options);
  const metrics = openMetrics({
    ...health.sources,
    lostLogLines: logger.lostLines,
    openWebSockets: sockets.openCount,
    load: () => door.report(),
    concurrency: upstreams.concurrency,
    tokenCache: identity.cacheCounts,
    keySets: identity.keySets,
    limits: counting.names,
  });
  const audit = keepAuditLog(options);
  // Logs and metrics are fed with the same line, so they can't tell different stories.
  const record = (line: AccessLine) => {
    logger.access(line);
    metrics.requestEnded(line);
    audit.requestEnded(line);
  };
  // API keys before tokens, which refuse what they don't understand.
  const readers = [operator.apiKey, identity.reader];
  const isAdmin = async (req: express.Request) => {
    const caller = await validCallerOf(req, readers);
    if (caller === undefined || operator.whyRefused(caller) !== undefined) return false;
    return caller.roles.includes(gateway.identity.adminRole);
  };

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Queries pass through unread: no stage looks at them, so none has to parse them.
  app.set('query parser', false);
  app.set('trust proxy', settings.TRUST_PROXY);
  // express-rate-limit asks for it each time, and Express would read the headers each time.
  Object.defineProperty(app.request, 'ip', { get: ipOf });
  Object.assign(app.response, { writeHead: writeHeadWithOwn(app.response.writeHead) });

  // Before everything: under overload, what is done for a request before it is refused is taken from those that are served.
  const door = shedLoad({
    handle: app,
    settings: gateway.server,
    newRequestId: () => randomHex(16),
    headers: securityHeaderList(),
    onRefusal: (refusal) => record(lineOfRefusal(refusal, app)),
  });
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
  // Beside them too: a service that can't get the keys refuses everybody.
  app.use(answerKeySet({ keys: identity.publishedKeys }));
  // Before authentication: a browser's preflight has no token.
  app.use(allowOrigins(settings.ALLOWED_ORIGINS ?? []));
  // Before authentication and limits, whose rules depend on the route.
  app.use(matchRoute({ routes: gateway.routes }));
  // Before authentication: a browser's WebSocket has its token among the subprotocols.
  app.use(takeSubprotocolToken());
  // Before authentication: whoever is shut out costs no signature.
  app.use(denyAddresses(gateway.addresses.deny));
  // Before the limits: a valid token decides which limit counts.
  app.use(authenticate({ readers }));
  // Before whatever believes in the caller.
  app.use(refuseRevoked(operator.revocations));
  // Before the limits: they depend on the tenant's plan.
  app.use(findTenant(operator));
  // Before the limits: they count a login by its account too, which stands in its body.
  app.use(beginLogin(gateway.logins));
  // Before every refusal below, so that guessing paths and tokens is counted.
  app.use(limitRate({ ...counting, onDecision: metrics.limitDecided }));
  app.use(limitLoginFailures({ rules: counting.login, decide: counting.decide, onDecision: metrics.limitDecided }));
  // Counted like a path that no route takes, which it is to all but one.
  app.use(answerExplain({ link: options.redis }));
  app.use(requireRoute());
  app.use(authorize());
  app.use(refuseSuspended());
  // Behind every check of an ordinary request, which a handshake is until it is answered.
  app.use(checkHandshake({ origins: settings.ALLOWED_ORIGINS }));
  app.use(limitWebSockets({ websockets: sockets, keyOfAddress: addressKey }));
  app.use(callUpstream({ forwards: upstreams.forwards, onIdle: door.release }));
  // Express finds it by its four parameters. The only place where an error becomes a response.
  app.use(answerProblem({ logger, onAnswered: explainRefusals(options, upstreams) }));

  const close = async () => {
    door.close();
    docs.close();
    identity.close();
    sockets.cut();
    await audit.close();
    await operator.close();
    await upstreams.close();
  };
  return {
    handle: door.handle,
    firstKeys: identity.firstKeys,
    details: health.details,
    metrics: metrics.snapshot,
    record,
    isHandshake: isHandshakeOf({ routes: gateway.routes, routeOf: routeFor(gateway.routes) }),
    closeWebSockets: sockets.close,
    close,
  };
}

/** The route that a GET of this path will find, before any stage has looked at it. */
function routeFor(routes: Config['gateway']['routes']) {
  const find = routeFinder(routes);
  return (target: string) => {
    const { path } = { path: '', ...normalisePath(target) };
    return find(path)?.entries.find(({ methods }) => methods.includes('GET'));
  };
}

/** What Express calls `req.ip`, as the first stage has found it. */
function ipOf(this: express.Request): string {
  return contextOf(this).client.address;
}
