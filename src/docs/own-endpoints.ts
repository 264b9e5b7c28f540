import type { JsonObject } from './json.ts';

/** The tag of what the gateway answers itself. Upper case, so that no upstream can have the same name. */
export const OWN_TAG = 'Gateway';

const text = { type: 'string' };
const number = { type: 'number' };
const upOrDown = { type: 'string', enum: ['up', 'down', 'refusing'] };
const open: JsonObject = { type: 'object', additionalProperties: true };

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
      description: 'Redis, the log files, and the services by name. Redis may serve and refuse some commands.',
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
    memory: { ...fixedObject({ rss: number, heapUsed: number, external: number }), description: 'Bytes.' },
    eventLoopDelay: {
      ...fixedObject({ mean: number, p99: number, max: number }),
      description: 'Milliseconds, since the last look.',
    },
    circuitBreakers: { type: 'object', description: 'By service.', additionalProperties: open },
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
export const ownPaths: Readonly<Record<string, JsonObject>> = {
  '/health': endpoint('How the gateway and its services are doing', {
    200: answer('Healthy, or degraded and still serving.', health),
    503: answer('Can not serve.', health),
  }),
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
    [{}, { bearerAuth: [] }],
  );
  return { get: { ...(get as JsonObject), description, parameters: [parameter] } };
}

function endpoint(summary: string, responses: JsonObject, security: readonly JsonObject[] = []): JsonObject {
  return { get: { tags: [OWN_TAG], summary, security, responses } };
}

function answer(description: string, schema: JsonObject): JsonObject {
  return { description, content: { 'application/json': { schema } } };
}

function statusOf(status: string): JsonObject {
  return fixedObject({ status: { type: 'string', const: status } });
}

/** An object that has all of these. */
function fixedObject(properties: JsonObject): JsonObject {
  return { type: 'object', required: Object.keys(properties), properties };
}
