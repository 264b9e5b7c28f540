import { z } from 'zod';
import { access } from './access-schema.ts';
import { identitySettings } from './identity-schema.ts';
import { limitSections, limitsOfRoute } from './limit-schema.ts';
import { audit, explain } from './operator-schema.ts';
import { redisSettings } from './redis-schema.ts';
import { revocation } from './revocation-schema.ts';
import { listOf, oneOf, parseHttpOrigin, parseProxyRange, setting, text, wholeNumber } from './setting-kinds.ts';
import { METHODS, milliseconds, timeout, upstream } from './upstream-schema.ts';
import { websocket, websockets } from './websocket-schema.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Shortest HMAC-SHA-256 key that is as strong as the hash. @see RFC 7518 §3.2 */
const MIN_SECRET_BYTES = 32;

const port = { min: 0, max: 65_535 };
const requests = { min: 1, max: 10_000_000, unit: 'requests' };
const service = (name: string) =>
  listOf(parseHttpOrigin, {
    description: `Where the ${name} service is reached. Several instances, comma-separated, share the requests. \`gateway.yaml\` refers to it.`,
    expected: 'http(s)://host[:port] without a path; several with commas between',
  });

/** Every environment variable that the gateway reads: type, bounds, default and description, once. */
export const environmentSchema = z.object({
  NODE_ENV: oneOf(['production', 'development', 'test'], {
    description: '`development` adds a readable console log.',
  }).prefault('production'),
  PORT: wholeNumber({ ...port, description: 'Public listener. 0 takes a free port.' }).prefault('3000'),
  HOST: text({
    description:
      'Address that the public listener is bound to, such as 127.0.0.1 with nginx on the same machine. Without it: all.',
    example: '127.0.0.1',
  }).optional(),
  SERVICE_NAME: text({ description: 'The name that health answers and log lines carry.' }).prefault('psa-api-gateway'),
  LOG_LEVEL: oneOf(['error', 'warn', 'info', 'debug'], {
    description: 'Least severe level that is logged.',
  }).prefault('info'),
  LOG_DIR: text({ description: 'Folder of access.log, error.log, combined.log and audit.log.' }).prefault('./logs'),
  GATEWAY_CONFIG: text({ description: 'The file of upstreams, routes and policies.' }).prefault('./gateway.yaml'),
  ...redisSettings,
  JWT_SECRET: listOf((item) => (Buffer.byteLength(item) >= MIN_SECRET_BYTES ? item : undefined), {
    description:
      'HS256 secret. Several, comma-separated, while rotating: the first signs, all verify. Make one with `openssl rand -base64 48`. Not needed, like the next two, if `identity` of gateway.yaml says who else issues tokens.',
    expected: `secrets of at least ${MIN_SECRET_BYTES} bytes, comma-separated`,
    isSecret: true,
  }),
  JWT_ISSUER: text({
    description: 'Required `iss` of tokens that are signed with it.',
    example: 'psa-auth',
    expected: 'the `iss` of your tokens',
  }),
  JWT_AUDIENCE: text({
    description: 'Required `aud` of tokens that are signed with it.',
    example: 'psa-api',
    expected: 'the `aud` of your tokens',
  }),
  ALLOWED_ORIGINS: listOf((item) => (parseHttpOrigin(item) === item ? item : undefined), {
    description:
      'Web origins whose pages may call the gateway (CORS). Exact: `*` is refused because credentials are allowed.',
    expected: 'exact origins such as https://app.example.com, comma-separated, without a path or `*`',
    example: 'http://localhost:5173',
  }).optional(),
  TRUST_PROXY: listOf(parseProxyRange, {
    description: 'The proxies in front whose X-Forwarded-* are believed.',
    expected: 'addresses, CIDRs, or loopback, linklocal, uniquelocal, comma-separated (never `true` or a count)',
  }).prefault('loopback'),
  AUTH_SERVICE_URL: service('auth').prefault('http://localhost:3001'),
  CRM_SERVICE_URL: service('CRM').prefault('http://localhost:3002'),
  TICKETS_SERVICE_URL: service('tickets').prefault('http://localhost:3003'),
  RATE_LIMIT_WINDOW_MS: wholeNumber({
    min: 1000,
    max: DAY_MS,
    unit: 'ms',
    description: 'Window of all limits.',
  }).prefault(String(15 * MINUTE_MS)),
  RATE_LIMIT_MAX_REQUESTS: wholeNumber({
    ...requests,
    description: 'Requests without a valid token, per client address and window.',
  }).prefault('100'),
  AUTH_RATE_LIMIT_MAX: wholeNumber({
    ...requests,
    unit: 'failed logins',
    description: 'Failed logins per client address and window.',
  }).prefault('5'),
  USER_RATE_LIMIT_MAX: wholeNumber({ ...requests, description: 'Requests per user and window.' }).prefault('1000'),
  ADMIN_PORT: wholeNumber({
    ...port,
    description: 'Admin listener: /metrics, for all workers of the machine. 0 takes a free port.',
  }).prefault('9464'),
  ADMIN_HOST: text({
    description: 'Address that the admin listener is bound to. It asks nobody for a token, so keep it private.',
  }).prefault('127.0.0.1'),
  SHUTDOWN_GRACE_MS: wholeNumber({
    min: 0,
    max: 10 * MINUTE_MS,
    unit: 'ms',
    description: 'How long requests in flight may take to finish when a worker stops.',
  }).prefault('10000'),
  PM2_INSTANCES: setting((value) => (value === 'max' || /^[1-9]\d{0,2}$/.test(value) ? value : undefined), {
    description: 'Workers that PM2 starts; `max` is one per core.',
    expected: '`max` or a whole number from 1 to 999',
    unit: 'workers',
  }).prefault('2'),
});

type AllSettings = z.output<typeof environmentSchema>;

/** They are all there or none: without them, tokens come from `identity` of `gateway.yaml` alone. */
type SharedSecretName = 'JWT_SECRET' | 'JWT_ISSUER' | 'JWT_AUDIENCE';

/** The environment after validation. */
export type Settings = Omit<AllSettings, SharedSecretName> & Partial<Pick<AllSettings, SharedSecretName>>;

/** Not the names that decide where a request goes or where it ends: a claim must not. */
const headerName = z
  .string()
  .regex(
    /^(?!(?:host|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|authorization)$)[a-z0-9-]{1,64}$/i,
    'expected a header name of letters, digits and `-`, and none that HTTP itself needs',
  );

const route = z.strictObject({
  path: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9._~-]+)+(?:\/\*)?$/, 'expected a path such as /api/v1/crm/* or /api/v1/auth/login')
    .describe('An exact path, or a prefix that ends in `/*`. The longest match wins.'),
  upstream: z.string().describe('Name of the upstream that answers.'),
  stripPrefix: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9._~-]+)+$/, 'expected a path such as /api/v1/crm')
    .optional()
    .describe('Removed from the path; the upstream is told in X-Forwarded-Prefix.'),
  methods: z
    .array(z.enum(METHODS))
    .min(1)
    .default([...METHODS])
    .describe('Others get 405.'),
  auth: z.enum(['required', 'none']).default('required').describe('Whether a token is needed.'),
  ...access,
  ...limitsOfRoute,
  countLoginFailures: z.boolean().default(false).describe('Whether a 401 of the upstream is a failed login.'),
  maxBodyBytes: z.int().min(0).default(10_485_760).describe('Largest request body, in bytes.'),
  connectTimeoutMs: timeout('Instead of the one of the upstream.').optional(),
  headTimeoutMs: timeout('Instead of the one of the upstream.').optional(),
  idleTimeoutMs: timeout('Instead of the one of the upstream.').optional(),
  totalTimeoutMs: timeout('Instead of the one of the upstream.').optional(),
  websocket: websocket
    .optional()
    .describe('Lets clients open WebSockets here; `{}` takes the defaults. Without it none.'),
});

const server = z
  .strictObject({
    maxHeaderBytes: z.int().min(1024).max(65_536).default(16_384).describe('Request line and all headers, in bytes.'),
    maxHeaderCount: z.int().min(10).max(1000).default(100).describe('Header fields of one request.'),
    headersTimeoutMs: milliseconds(10_000, 'A client has this long to send its headers.'),
    requestTimeoutMs: milliseconds(300_000, 'A client has this long to send a whole request.'),
    maxRequests: z
      .int()
      .min(1)
      .max(100_000)
      .default(2000)
      .describe('Requests that a worker works on at a time, each until the head of its answer. More get 503 at once.'),
    maxLagMs: milliseconds(
      50,
      'When everything in a worker comes late by more, three times in a row at intervals of 100 ms, it takes fewer requests at a time until it has time to spare.',
    ),
    sendTimeoutMs: milliseconds(60_000, 'A client that takes nothing of its answer for this long is cut off.'),
    keepAliveTimeoutMs: milliseconds(
      65_000,
      "An idle connection is kept this long. Longer than nginx's upstream keepalive_timeout (60 s), or nginx may reuse a socket that the gateway is closing.",
    ),
  })
  .prefault({});

const identity = z
  .strictObject({
    headers: z
      .record(headerName, z.string().min(1))
      .default({
        'X-User-Id': 'sub',
        'X-User-Email': 'email',
        'X-User-Roles': 'roles',
        'X-Tenant-Id': 'tenantId',
      })
      .describe(
        'Which claim of the token feeds which header. Clients can never send these headers themselves. The claims of `X-Tenant-Id` and `X-User-Roles` are also those that plans, suspensions and the roles of routes go by.',
      ),
    adminRole: z.string().min(1).default('admin').describe('The role that may read /health/detailed from anywhere.'),
    ...identitySettings,
  })
  .prefault({});

/** Everything that `gateway.yaml` may hold. Unknown keys are errors, so a typo never becomes a default. */
export const gatewayFileSchema = z.strictObject({
  server: server.describe('Bounds of the public listener.'),
  identity: identity.describe('How a token becomes identity headers.'),
  revocation: revocation.describe('How long a revocation must last, and what counts while none is known.'),
  websockets: websockets.describe('How many WebSockets there may be, on all routes together.'),
  explain: explain.describe('What refusals leave for those who ask why.'),
  audit: audit.describe('The record of security events.'),
  ...limitSections,
  upstreams: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected a short lower-case name'), upstream)
    .describe('The services behind the gateway, by name.'),
  routes: z.array(route).min(1).describe('Which path goes where, and who may use it.'),
});

/** `gateway.yaml` after validation. */
export type GatewayFile = z.output<typeof gatewayFileSchema>;
export type RouteSettings = GatewayFile['routes'][number];
export type { Needed } from './access-schema.ts';
export type { AssertionSettings, IntrospectionSettings } from './identity-schema.ts';
export type { Algorithm, IssuerSettings } from './issuer-schema.ts';
export type { PlanSettings, PolicySettings } from './limit-schema.ts';
export type { RedisSettings } from './redis-schema.ts';
export type { BreakerSettings, InstanceSettings, UpstreamSettings } from './upstream-schema.ts';
export type ServerSettings = GatewayFile['server'];
