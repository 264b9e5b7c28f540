import type { RouteSettings } from '../config/schema.ts';
import { catalog, type Reason } from '../problem/catalog.ts';
import { Problem, problemBody } from '../problem/problem.ts';
import { isObject, type Json, type JsonObject, textOf } from './json.ts';

const PROBLEM_TYPE = 'application/problem+json';
const PROBLEM_REF = { $ref: '#/components/schemas/Problem' };

/** What the gateway may answer in place of a service. */
interface GatewayAnswer {
  /** Name of the component. */
  readonly name: string;
  /** The reason that people meet most. */
  readonly example: Reason;
  readonly headers: JsonObject;
}

const reasonHeader = { 'X-Gateway-Reason': header('The reason.') };
const retryHeaders = { ...reasonHeader, 'Retry-After': header('Seconds to wait.', 'integer') };
const limitHeaders = {
  ...retryHeaders,
  'RateLimit-Policy': header('The limits of this request, as structured fields.'),
  RateLimit: header('What is left of the one that is nearest to its end.'),
};
const quotaHeaders = {
  'X-Quota-Limit': header("What the tenant's plan allows in a month; absent if it has no quota.", 'integer'),
  'X-Quota-Remaining': header('What is left of that.', 'integer'),
  'X-Quota-Reset': header('Seconds until the month ends (UTC).', 'integer'),
};
const challengeHeaders = { ...reasonHeader, 'WWW-Authenticate': header('Why the token, or the API key, was refused.') };

/** By status. */
const ANSWERS: ReadonlyMap<string, GatewayAnswer> = new Map([
  ['401', { name: 'Unauthorized', example: 'auth_missing', headers: challengeHeaders }],
  ['403', { name: 'Forbidden', example: 'scope_missing', headers: reasonHeader }],
  ['429', { name: 'TooManyRequests', example: 'rate_limited_user', headers: limitHeaders }],
  ['502', { name: 'BadGateway', example: 'upstream_reset', headers: reasonHeader }],
  ['503', { name: 'ServiceUnavailable', example: 'breaker_open', headers: retryHeaders }],
  ['504', { name: 'GatewayTimeout', example: 'upstream_response_timeout', headers: reasonHeader }],
]);

/** The error of RFC 9457 as this gateway answers it. */
export const problemSchema: JsonObject = {
  type: 'object',
  description: 'An error of the gateway itself. Decide by `status` and `reason`; `detail` is for people.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'reason', 'requestId'],
  properties: {
    type: { type: 'string', description: 'A name, not an address.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The path that was asked for.' },
    reason: { type: 'string', enum: Object.keys(catalog) },
    requestId: { type: 'string', description: 'Finds the request in the logs of the gateway.' },
    retryAfter: { type: 'integer', description: 'Seconds; there when waiting helps.' },
  },
};

/** The answers of the gateway as components, by name. */
export function gatewayResponses({ hasQuotas }: { readonly hasQuotas: boolean }): JsonObject {
  return Object.fromEntries(
    [...ANSWERS].map(([status, { name, example, headers }]) => {
      const lines = reasonsOf(status).map((reason) => `- \`${reason}\`: ${catalog[reason].detail}`);
      const content = { [PROBLEM_TYPE]: { schema: PROBLEM_REF, example: exampleOf(example) } };
      const allHeaders = status === '429' && hasQuotas ? { ...headers, ...quotaHeaders } : headers;
      return [name, { description: `From the gateway:\n\n${lines.join('\n')}`, headers: allHeaders, content }];
    }),
  );
}

/**
 * An operation's responses and what the gateway may answer instead of them.
 * A response that the service documents under the same status is kept, and extended.
 */
export function withGatewayAnswers(own: JsonObject, { auth }: RouteSettings): JsonObject {
  // Whoever has to say who is calling may lack a role, or belong to a tenant that is suspended.
  const possible = [...ANSWERS].filter(([status]) => auth === 'required' || (status !== '401' && status !== '403'));
  const added = possible.map(([status, { name, headers }]) => {
    const response = own[status];
    return [status, isObject(response) ? extended(response, { status, headers }) : refTo(name)];
  });
  return { ...own, ...Object.fromEntries(added) };
}

function extended(own: JsonObject, { status, headers }: { status: string; headers: JsonObject }): JsonObject {
  const content = isObject(own.content) ? own.content : {};
  const media = isObject(content[PROBLEM_TYPE]) ? content[PROBLEM_TYPE] : {};
  const schema = media.schema === undefined ? PROBLEM_REF : { anyOf: [media.schema, PROBLEM_REF] };
  const reasons = reasonsOf(status).map((reason) => `\`${reason}\``);
  return {
    ...own,
    description: `${textOf(own.description) ?? ''}\n\nOr from the gateway: ${reasons.join(', ')}.`.trim(),
    headers: { ...headers, ...(isObject(own.headers) ? own.headers : {}) },
    content: { ...content, [PROBLEM_TYPE]: { ...media, schema } },
  };
}

function refTo(response: string): JsonObject {
  return { $ref: `#/components/responses/${response}` };
}

function reasonsOf(status: string): readonly Reason[] {
  return (Object.keys(catalog) as Reason[]).filter((reason) => String(catalog[reason].status) === status);
}

function exampleOf(reason: Reason): Json {
  const about = { requestId: '5f0c4e0b8d3a4c1e9b7a2d6f1c3e5a79', instance: '/api/v1/crm/companies' };
  return JSON.parse(problemBody(new Problem(reason), about)) as Json;
}

function header(description: string, type = 'string'): JsonObject {
  return { description, schema: { type } };
}
