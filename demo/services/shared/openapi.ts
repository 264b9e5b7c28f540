import { z } from 'zod';
import type { Operation } from './operation.ts';
import { Problem, problemSchema } from './problem.ts';

interface ServiceInfo {
  title: string;
  description: string;
  /** Where the gateway serves it, e.g. `/api/v1/crm`. */
  gatewayPrefix: string;
}

const PROBLEM = { $ref: '#/components/schemas/Problem' };

/** The OpenAPI 3.1 document of a service, built from the very schemas that check its requests. */
export function openapi(operations: readonly Operation[], { title, description, gatewayPrefix }: ServiceInfo) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describeOperation(operation) };
  }
  const gatewayIdentity = {
    type: 'apiKey',
    in: 'header',
    name: 'X-User-Id',
    description: 'Set by the gateway from the access token, with X-Tenant-Id, X-User-Email and X-User-Roles.',
  };
  return {
    openapi: '3.1.0',
    info: { title, description, version: '1.0.0' },
    servers: [
      { url: gatewayPrefix, description: 'Through the gateway, with Authorization: Bearer <access token>' },
      { url: '/', description: 'The service itself' },
    ],
    paths,
    components: { schemas: namedSchemas(operations), securitySchemes: { gatewayIdentity } },
  };
}

function describeOperation(operation: Operation) {
  const { summary, isPublic, body, success } = operation;
  const parameters = [...pathParameters(operation), ...queryParameters(operation)];
  return {
    summary,
    security: isPublic ? [] : [{ gatewayIdentity: [] }],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: true, content: jsonContent(schemaOf(body, 'input')) } } : {}),
    responses: {
      [success.status]: {
        description: success.description,
        ...(operation.hasLocation ? { headers: { Location: { schema: { type: 'string' } } } } : {}),
        ...(success.schema ? { content: jsonContent(schemaOf(success.schema, 'output')) } : {}),
      },
      ...problemResponses(operation),
    },
  };
}

function pathParameters({ path }: Operation) {
  if (!path.includes('{id}')) return [];
  return [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }];
}

function queryParameters({ query }: Operation) {
  const properties = query ? z.toJSONSchema(query, { io: 'input' }).properties : {};
  return Object.entries(properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema,
  }));
}

function problemResponses({ isPublic, body, query, problems }: Operation) {
  const details: Record<number, string> = {
    ...(isPublic ? {} : { 400: 'X-User-Id is not percent-encoded; expected values like support%20agent.' }),
    ...(body || query ? { 400: `The ${body ? 'body' : 'query'} is not as expected; see errors.` } : {}),
    ...(isPublic ? {} : { 401: 'The X-User-Id header is missing: call through the gateway, which sets it.' }),
    ...(body ? { 413: 'The body is too large: at most 100 kB are taken.', 415: 'The body must be JSON.' } : {}),
    ...problems,
  };
  const responses = Object.entries(details).map(([status, detail]) => {
    const example = new Problem({ status: Number(status), detail }).toJSON();
    return [status, { description: detail, content: { 'application/problem+json': { schema: PROBLEM, example } } }];
  });
  return Object.fromEntries(responses);
}

function jsonContent(schema: unknown) {
  return { 'application/json': { schema } };
}

/** A reference to a schema with a name, or the schema itself. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output') {
  const id = schema.meta()?.id;
  if (id) return { $ref: refTo(id) };
  return withoutDialect(z.toJSONSchema(schema, { io }));
}

/** Bodies as a client may send them (defaults left out), answers as the service sends them (defaults filled in). */
function namedSchemas(operations: readonly Operation[]) {
  const bodies = operations.flatMap(({ body }) => body ?? []);
  const answers = operations.flatMap(({ success }) => success.schema ?? []);
  return { ...toComponents(bodies, 'input'), ...toComponents([...answers, problemSchema], 'output') };
}

function toComponents(schemas: readonly z.ZodType[], io: 'input' | 'output') {
  const registry = z.registry<{ id: string }>();
  for (const schema of schemas) {
    const id = schema.meta()?.id;
    if (id) registry.add(schema, { id });
  }
  const named = z.toJSONSchema(registry, { io, uri: refTo }).schemas;
  return Object.fromEntries(Object.entries(named).map(([id, schema]) => [id, withoutDialect(schema)]));
}

function withoutDialect<Schema extends object>(schema: Schema) {
  const { $schema, $id, ...rest } = { $schema: '', $id: '', ...schema };
  return rest;
}

function refTo(id: string): string {
  return `#/components/schemas/${id}`;
}
