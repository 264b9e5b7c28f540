/** From a fast answer of a service on the same machine to the longest wait that `gateway.yaml` ships with. */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

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
  tokenCache: {
    name: 'gateway_token_cache_total',
    help: 'Tokens that were looked up among those verified lately: `result` is hit, or miss if it had to be verified.',
    labelNames: ['result'],
  },
  keySetFetches: {
    name: 'gateway_key_set_fetches_total',
    help: 'Fetches of the keys of an issuer of tokens: `result` is ok or failed.',
    labelNames: ['issuer', 'result'],
  },
  keySetAge: {
    name: 'gateway_key_set_age_seconds',
    help: 'Since the keys of the issuer were last confirmed, by the worker for which that is longest ago. It grows while they can not be fetched; absent until they are.',
    labelNames: ['issuer'],
    aggregator: 'max',
  },
  webSockets: {
    name: 'gateway_websockets',
    help: 'WebSockets that are open.',
    labelNames: [],
  },
  webSocketsEnded: {
    name: 'gateway_websockets_ended_total',
    help: 'WebSockets that have ended. `end` is closed (the two agreed), client_left or upstream_left (without a word), idle, unanswered_ping, protocol_error, expired, revoked or suspended (its caller may no longer call), or draining.',
    labelNames: ['end'],
  },
  redisUp: {
    name: 'gateway_redis_up',
    help: '1 if every worker can use Redis; 0 if at least one counts by itself.',
    labelNames: [],
    aggregator: 'min',
  },
  redisRefusals: {
    name: 'gateway_redis_refusals_total',
    help: 'Commands that a Redis which serves has refused: `kind` is the first word of its answer, such as NOPERM. Limits whose script it refuses are counted per worker.',
    labelNames: ['command', 'kind'],
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
