import { z } from 'zod';
import { parseHttpOrigin } from './setting-kinds.ts';

const DAY_MS = 86_400_000;

/** The methods that routes can take. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** Those that may reach a service twice without harm. @see RFC 9110 §9.2.2 */
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] as const;

/** A time in milliseconds, a day at most, with its default. */
export const milliseconds = (fallback: number, description: string) => timeout(description).default(fallback);

/** A time in milliseconds, a day at most. */
export const timeout = (description: string) => z.int().min(1).max(DAY_MS).describe(description);

const origin = z.string().transform((value, context) => {
  const parsed = parseHttpOrigin(value);
  if (parsed !== undefined) return parsed;
  context.issues.push({ code: 'custom', message: 'expected http(s)://host[:port] without a path', input: value });
  return z.NEVER;
});

const origins = z.string().transform((value, context) => {
  const parsed = value.split(',').map((item) => parseHttpOrigin(item.trim()));
  if (!parsed.includes(undefined)) return parsed as string[];
  const message = 'expected http(s)://host[:port] without a path; several with commas between';
  context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
});

const breaker = z
  .strictObject({
    windowSeconds: z.int().min(1).max(3600).default(10).describe('Sliding window in which failures are counted.'),
    minimumCalls: z.int().min(1).max(100_000).default(10).describe('Calls in the window before the breaker may open.'),
    failurePercent: z.number().min(1).max(100).default(50).describe('Opens at this share of failures, or more.'),
    openSeconds: z.int().min(1).max(3600).default(30).describe('Time during which the upstream is not called.'),
    failureStatuses: z
      .array(z.int().min(100).max(599))
      .default([500, 502, 503, 504])
      .describe('Answers that count as failures. They still pass to the client as they are.'),
  })
  .prefault({});

const instance = z.strictObject({
  url: origin.describe('`http(s)://host[:port]`.'),
  weight: z.int().min(1).max(1000).default(1).describe('Its share of the requests, compared with the others.'),
});

const healthCheck = z.strictObject({
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'expected a path such as /health')
    .describe('What each instance is asked for by GET. 2xx is healthy.'),
  intervalMs: milliseconds(5000, 'Time between two checks of an instance, by each worker.'),
  timeoutMs: milliseconds(1000, 'An answer that takes longer counts as none.'),
  healthyThreshold: z.int().min(1).max(100).default(2).describe('Good checks in a row that bring an instance back.'),
  unhealthyThreshold: z.int().min(1).max(100).default(3).describe('Bad checks in a row that take one out.'),
});

const ejection = z
  .strictObject({
    consecutiveFailures: z
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe(
        'Failed requests in a row, by the rules of the breaker, after which an instance is left out for a while.',
      ),
    ejectMs: milliseconds(10_000, 'For how long at first. Twice as long each time it is ejected again soon after.'),
    maxEjectMs: milliseconds(300_000, 'For how long at most.'),
    maxEjectedPercent: z
      .int()
      .min(0)
      .max(100)
      .default(50)
      .describe('Share of the instances that may be ejected at a time. 0 ejects none.'),
  })
  .prefault({});

const retry = z
  .strictObject({
    attempts: z.int().min(0).max(10).default(2).describe('Further tries of one request. 0 turns them off.'),
    methods: z
      .array(z.enum(IDEMPOTENT))
      .default([...IDEMPOTENT])
      .describe('Tried again after the request was sent. One that was not sent is tried again whatever its method.'),
    budgetPercent: z
      .number()
      .min(0)
      .max(100)
      .default(20)
      .describe('Extra load by tries at most, as a share of the requests of the last ten seconds.'),
    minimumRetries: z
      .int()
      .min(0)
      .max(10_000)
      .default(3)
      .describe('Tries in ten seconds that are allowed whatever the budget says, for upstreams with few requests.'),
    maxBodyBytes: z
      .int()
      .min(0)
      .max(1_048_576)
      .default(16_384)
      .describe('Bodies of a declared length up to this are held in memory, so that they can be sent again.'),
    tryTimeoutMs: timeout(
      'Longest wait for the response head while a further try is possible. Without it: headTimeoutMs.',
    ).optional(),
    backoffMs: milliseconds(25, 'Longest pause before the first further try; doubles with each. The pause is random.'),
  })
  .prefault({});

const concurrency = z
  .strictObject({
    adaptive: z
      .boolean()
      .default(true)
      .describe('Whether fewer are allowed while most requests take a multiple of what they usually take.'),
    min: z.int().min(1).max(100_000).default(10).describe('So many are always allowed.'),
    max: z
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .describe('So many at most. Without it, and never more than: `maxConnections` of all instances together.'),
    tolerance: z.number().min(1.2).max(100).default(2).describe('The multiple. Times under 10 ms count as 10 ms.'),
  })
  .prefault({});

/** One upstream of `gateway.yaml`. */
export const upstream = z
  .strictObject({
    url: origins
      .optional()
      .describe(
        '`http(s)://host[:port]`, several with commas, or `${NAME}` for an environment variable that holds it.',
      ),
    instances: z.array(instance).min(1).optional().describe('Instead of `url`: instances that have a weight.'),
    balancing: z
      .enum(['round-robin', 'least-connections', 'power-of-two-choices'])
      .default('round-robin')
      .describe('How requests are shared between instances. The last two look at the requests under way.'),
    slowStartMs: z
      .int()
      .min(0)
      .max(DAY_MS)
      .default(10_000)
      .describe('An instance that comes back gets its full share after this time. 0 gives it at once.'),
    resolveEveryMs: milliseconds(
      10_000,
      'Host names are looked up again this often, and a changed address is followed.',
    ),
    healthCheck: healthCheck.optional().describe('Active checks. Without it, only failed requests tell.'),
    ejection: ejection.describe('Leaves out an instance that fails, for a while. One that is alone is never left out.'),
    retry: retry.describe('When a request is tried again.'),
    connectTimeoutMs: milliseconds(1000, 'Longest wait for a connection.'),
    headTimeoutMs: milliseconds(15_000, 'Longest wait for the response head once the request has been sent.'),
    idleTimeoutMs: milliseconds(
      30_000,
      'Longest silence within a response body, not counting a client that reads slowly.',
    ),
    totalTimeoutMs: timeout(
      'Longest time for a whole call, tries and body included. Without it: no end, as streams need it.',
    ).optional(),
    maxConnections: z
      .int()
      .min(1)
      .max(10_000)
      .default(256)
      .describe('Connections per worker and instance. When all are busy, further requests get 503 at once.'),
    concurrency: concurrency.describe(
      'Requests that wait for the head of their answer at a time, per worker. Further ones get 503 at once.',
    ),
    breaker: breaker.describe('The circuit breaker of this upstream.'),
    openApiPath: z
      .string()
      .regex(/^(?:\/[A-Za-z0-9._~-]+)+$/, 'expected a path such as /openapi.json')
      .optional()
      .describe('Where the service describes itself (OpenAPI 3.0 or 3.1, JSON), for `/api-docs`.'),
  })
  .refine((value) => (value.url === undefined) !== (value.instances === undefined), {
    error: ({ input }) =>
      (input as { url?: unknown }).url === undefined
        ? 'missing; expected `url` or `instances`'
        : 'expected `url` or `instances`, not both',
    path: ['url'],
    // Also if something else is wrong: an operator is told everything at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .transform(({ url, instances, ...rest }, context) => {
    const all = instances ?? (url ?? []).map((origin) => ({ url: origin, weight: 1 }));
    const twice = all.find((one, index) => all.findIndex((other) => other.url === one.url) !== index);
    if (twice === undefined) return { ...rest, instances: all };
    const path = [instances === undefined ? 'url' : 'instances'];
    context.issues.push({ code: 'custom', message: `${twice.url} is there twice`, path, input: all });
    return z.NEVER;
  });

export type UpstreamSettings = z.output<typeof upstream>;
export type BreakerSettings = UpstreamSettings['breaker'];
export type InstanceSettings = UpstreamSettings['instances'][number];
