import type { JsonObject } from './json.ts';

/** The tag of what the gateway answers itself. Upper case, so that no upstream can have the same name. */
export const OWN_TAG = 'Gateway';

const text = { type: 'string' };
const number = { type: 'number' };
const upOrDown = { type: 'string', enum: ['up', 'down', 'refusing'] };
const open: JsonObject = { type: 'object', additionalProperties: true };

const DEPENDENCIES = [
  '`redis`, which may serve and refuse some commands; `logs`, whether they can be written; `sharedState`, what the',
  'operator has decided (revocations, API keys, tenants), as far as this worker knows it; `identity`, those who vouch for',
  'tokens, if others than this gateway do; and the services by name.',
].join(' ');

/** Schemas of the gateway's own answers, by name. */
export const ownSchemas: JsonObject = {
  Health: fixedObject({
    status: { ...text, enum: ['healthy', 'degraded', 'unhealthy'] },
    service: text,
    version: text,
    uptime: { ...number, description: 'Seconds since the worker started.' },
    timestamp: { ...text, format: 'date-time' },
    dependencies: {
      type: 'object',
      description: DEPENDENCIES,
      additionalProperties: {
        type: 'object',
        required: ['status'],
        properties: { status: upOrDown, breaker: { ...text, enum: ['CLOSED', 'OPEN', 'HALF_OPEN'] } },
      },
    },
  }),
  WorkerDetails: fixedObject({
    worker: text,
    pid: { type: 'integer' },
    isReady: { type: 'boolean' },
    uptime: { ...number, description: 'Seconds.' },
    redis: fixedObject({ status: upOrDown, refused: { type: 'array', items: open } }),
    sharedState: {
      ...fixedObject({
        state: { ...text, enum: ['fresh', 'stale', 'unknown'] },
        ageSeconds: number,
        records: { type: 'object', description: 'How many, by kind.', additionalProperties: { type: 'integer' } },
      }),
      description: 'What the operator has decided, as far as this worker knows it.',
    },
    memory: { ...fixedObject({ rss: number, heapUsed: number, external: number }), description: 'Bytes.' },
    eventLoopDelay: {
      ...fixedObject({ mean: number, p99: number, max: number }),
      description: 'Milliseconds, since the last look.',
    },
    circuitBreakers: { type: 'object', description: 'By service.', additionalProperties: open },
    instances: {
      type: 'object',
      description: 'By service: each instance with its state.',
      additionalProperties: { type: 'array', items: open },
    },
  }),
  DetailedHealth: {
    allOf: [
      { $ref: '#/components/schemas/Health' },
      { $ref: '#/components/schemas/WorkerDetails' },
      fixedObject({ workers: { type: 'array', items: { $ref: '#/components/schemas/WorkerDetails' } } }),
    ],
  },
};

const detailed = { $ref: '#/components/schemas/DetailedHealth' };
const health = { $ref: '#/components/schemas/Health' };

/** What the gateway answers itself. None of it is limited but explaining. */
export function ownPaths({ publishesKeys }: { readonly publishesKeys: boolean }): JsonObject {
  return publishesKeys ? { ...PATHS, '/.well-known/jwks.json': keysEndpoint() } : PATHS;
}

const PATHS: JsonObject = {
  '/health': healthEndpoint(),
  '/health/live': endpoint('Whether the process answers', { 200: answer('It does.', statusOf('alive')) }),
  '/health/ready': endpoint('Whether this worker may take traffic', {
    200: answer('It may.', statusOf('ready')),
    503: answer('Not while it starts or stops.', statusOf('not ready')),
  }),
  '/health/detailed': endpoint(
    'What every worker of the machine knows of itself',
    {
      200: answer('Healthy, or degraded and still serving.', detailed),
      404: { description: 'Neither from this machine nor with the token of an administrator.' },
      503: answer('Can not serve.', detailed),
    },
    [{}, { bearerAuth: [] }, { apiKeyAuth: [] }],
  ),
  '/api/v1/_explain/{requestId}': explainEndpoint(),
  '/api-docs.json': endpoint('This document', { 200: answer('OpenAPI 3.1.', open) }),
};

function healthEndpoint(): JsonObject {
  const up = { status: 'up' };
  const example = {
    ...{ status: 'healthy', service: 'psa-api-gateway', version: '1.0.0', uptime: 86_400 },
    timestamp: '2026-01-31T12:00:00.000Z',
    dependencies: { redis: up, logs: up, sharedState: up, crm: { ...up, breaker: 'CLOSED' } },
  };
  const { get } = endpoint('How the gateway and its services are doing', {
    200: answer('Healthy, or degraded and still serving.', health, example),
    503: answer('Can not serve.', health, { ...example, status: 'unhealthy' }),
  });
  return { get: { ...(get as JsonObject), description: `\`dependencies\` are ${DEPENDENCIES}` } };
}

/** @see RFC 7517 §5 */
function keysEndpoint(): JsonObject {
  const key = fixedObject({ kty: text, crv: text, x: text, kid: text, use: text, alg: text });
  const schema = fixedObject({ keys: { type: 'array', items: key } });
  const { get } = endpoint('The public keys of X-Gateway-Assertion', {
    200: { description: 'A JSON Web Key Set.', content: { 'application/jwk-set+json': { schema } } },
  });
  const description = 'For services: with these they verify who the gateway says is calling.';
  return { get: { ...(get as JsonObject), description } };
}

function explainEndpoint(): JsonObject {
  const parameter = {
    name: 'requestId',
    in: 'path',
    required: true,
    schema: text,
    description: 'Of the refused request.',
  };
  const description =
    'For 15 minutes, and for whoever made the request: the same user, or without a token the same address.';
  const { get } = endpoint(
    'Why a request was refused',
    {
      200: answer('What was checked, what was left of the limits, how the service was doing, and what helps.', open),
      404: { description: 'Nothing is known of such a request of yours.' },
    },
    [{}, { bearerAuth: [] }, { apiKeyAuth: [] }],
  );
  return { get: { ...(get as JsonObject), description, parameters: [parameter] } };
}

function endpoint(summary: string, responses: JsonObject, security: readonly JsonObject[] = []): JsonObject {
  return { get: { tags: [OWN_TAG], summary, security, responses } };
}

function answer(description: string, schema: JsonObject, example?: JsonObject): JsonObject {
  const content = example === undefined ? { schema } : { schema, example };
  return { description, content: { 'application/json': content } };
}

function statusOf(status: string): JsonObject {
  return fixedObject({ status: { type: 'string', const: status } });
}

/** An object that has all of these. */
function fixedObject(properties: JsonObject): JsonObject {
  return { type: 'object', required: Object.keys(properties), properties };
}
