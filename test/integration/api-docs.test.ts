import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { catalog } from '../../src/problem/catalog.ts';
import { call } from '../support/call.ts';
import { bearer, startGateway, type TestGateway } from '../support/gateway.ts';
import { type GatewayWithServices, startGatewayWithServices } from '../support/gateway-with-services.ts';
import { type Described, danglingRefs, operationAt, operationsOf } from '../support/openapi.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

let platform: GatewayWithServices;
let document: Described;

beforeAll(async () => {
  // One request without a token is allowed: whatever is not exempt from the limits would show.
  platform = await startGatewayWithServices({ RATE_LIMIT_MAX_REQUESTS: '1', SERVICE_NAME: 'front <b>door</b>' });
  document = (await (await get('/api-docs.json')).json()) as Described;
});
afterAll(() => platform.stop());

const get = (path: string, init: RequestInit = {}) =>
  fetch(`${platform.gateway.url}${path}`, { redirect: 'manual', ...init });

describe('GET /api-docs.json', () => {
  it('describes the services under the paths of the gateway, and the gateway itself', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: expect.stringMatching(/^\d+\.\d+\.\d+$/) } });
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/api/v1/auth/login', '/api/v1/crm/companies/{id}', '/api/v1/tickets', '/health']),
    );
    expect(Object.keys(document.paths).filter((path) => !/^\/(?:api\/v1\/|health|api-docs)/.test(path))).toEqual([]);
    expect(document.tags?.map(({ name }) => name)).toEqual(['auth', 'crm', 'tickets', 'Gateway']);
    expect(document.tags?.filter((tag) => tag['x-unavailable'])).toEqual([]);
  });

  it('says what each route needs', () => {
    expect(operationAt(document, 'post /api/v1/auth/login').security).toEqual([]);
    expect(operationAt(document, 'get /api/v1/auth/me').security).toEqual([{ bearerAuth: [] }, { apiKeyAuth: [] }]);
    const remove = operationAt(document, 'delete /api/v1/crm/companies/{id}');
    expect(remove.description).toContain('`admin`, `manager`');
    expect(Object.keys(remove.responses)).toEqual(expect.arrayContaining(['204', '401', '403', '429', '503']));
    // Its tenant may be suspended.
    expect(Object.keys(operationAt(document, 'get /api/v1/crm/companies').responses)).toContain('403');
    expect(Object.keys(operationAt(document, 'post /api/v1/auth/login').responses)).not.toContain('403');
  });

  it('is complete in itself: references, security schemes, tags and ids', () => {
    expect(danglingRefs(document)).toEqual([]);
    const operations = operationsOf(document);
    expect(operations.length).toBeGreaterThan(25);
    const names = new Set(operations.flatMap(({ security }) => security.flatMap((needed) => Object.keys(needed))));
    expect(document.components).toMatchObject({
      securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' }, apiKeyAuth: { type: 'apiKey', in: 'header' } },
    });
    expect([...names]).toEqual(['bearerAuth', 'apiKeyAuth']);
    const tags = document.tags?.map(({ name }) => name);
    expect(operations.filter((operation) => operation.tags.some((tag) => !tags?.includes(tag)))).toEqual([]);
    const ids = operations.flatMap(({ operationId }) => operationId ?? []);
    expect(ids).toEqual([...new Set(ids)]);
  });

  it('names every reason that an error may have, and no address of a service', () => {
    expect(document.components.schemas.Problem).toMatchObject({
      properties: { reason: { enum: Object.keys(catalog) } },
    });
    expect(JSON.stringify(document)).not.toMatch(/127\.0\.0\.1|localhost|https?:/);
  });

  it('describes the answers of the gateway as they are', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/health/detailed', '/api-docs.json']) {
      const response = await get(path);
      expect(schemaOf(`get ${path}`, response.status).safeParse(await response.json()).error).toBeUndefined();
    }
    const problem = await (await get('/nowhere')).json();
    expect(componentSchema('Problem').safeParse(problem).error).toBeUndefined();
    expect(componentSchema('Problem').safeParse({ ...(problem as object), reason: 'other' }).success).toBe(false);
  });

  it('is asked for again each time, and answers HEAD', async () => {
    const { status, headers } = await get('/api-docs.json');
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-cache']);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    const head = await get('/api-docs.json', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });
});

describe('GET /api-docs', () => {
  it.each(['/api-docs', '/api-docs/', '/api-docs?x=1'])('answers %s with the page, without a detour', async (path) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect((await get(path, { method: 'HEAD' })).status).toBe(200);
  });

  it('loads every file of this host and nothing inline, and its policy allows nothing else', async () => {
    const response = await get('/api-docs');
    const html = await response.text();
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(policy).not.toMatch(/unsafe|\*|http/);
    expect(html).not.toMatch(/<style|<script>|https?:|localhost/);
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(files.length).toBeGreaterThan(5);
    for (const path of files) expect([path, (await get(path)).status]).toEqual([path, 200]);
    expect(await (await get('/api-docs/swagger-ui-init.js')).text()).toContain('"swaggerUrl": "/api-docs.json"');
  });

  it('shows the name of the gateway as text, whatever it is', async () => {
    const html = await (await get('/api-docs')).text();
    expect(html).toContain('<title>front &#60;b&#62;door&#60;/b&#62;</title>');
  });

  it.each([
    ['GET', '/api-docs/index.html'],
    ['GET', '/api-docs/package.json'],
    ['GET', '/api-docs/swagger-initializer.js'],
    ['GET', '/api-docs/swagger-ui-bundle.js.map'],
    ['GET', '/api-docs/absolute-path.js'],
    ['GET', '/api-docs/nothing'],
    ['GET', '/api-docs/swagger-ui.css/'],
    ['GET', '/api-docsx'],
    ['GET', '/API-DOCS'],
    ['POST', '/api-docs'],
    ['POST', '/api-docs.json'],
    ['DELETE', '/api-docs/swagger-ui.css'],
  ])('leaves %s %s to the pipeline, where it is a path without a route', async (method, path) => {
    const answer = await call(`${platform.gateway.url}${path}`, { method, headers: bearer() });
    expect([answer.status, JSON.parse(answer.body.toString())]).toMatchObject([404, { reason: 'route_not_found' }]);
  });
});

describe('what only some configurations offer', () => {
  const describedBy = async (options: Partial<Parameters<typeof startGateway>[0]>) => {
    const gateway = await startGateway({ upstreams: { crm: 1 }, ...options });
    try {
      return (await (await fetch(`${gateway.url}/api-docs.json`)).json()) as Described;
    } finally {
      await gateway.stop();
    }
  };
  const key = JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));

  it('is not described where it is not there', async () => {
    const plain = await describedBy({});
    expect(Object.keys(plain.paths)).not.toContain('/.well-known/jwks.json');
    expect(JSON.stringify(plain)).not.toMatch(/X-Quota|identity provider/);
    expect(plain.components).toMatchObject({ securitySchemes: { bearerAuth: { bearerFormat: 'JWT' } } });
  });

  it('is described where it is: published keys, quotas, tokens of others', async () => {
    const issuers = [
      { issuer: 'https://id.example.com', jwksUrl: 'http://127.0.0.1:1/', audience: ['a'], subjectPrefix: 'x|' },
    ];
    const rich = await describedBy({
      env: { ASSERTION_KEY: key },
      identity: { assertion: { keys: ['${ASSERTION_KEY}'] }, issuers },
      sections: { plans: { free: { limit: 5, windowMs: 1000, monthlyQuota: 10 } } },
    });
    expect(operationAt(rich, 'get /.well-known/jwks.json')).toMatchObject({ security: [], tags: ['Gateway'] });
    expect(rich.components).toMatchObject({
      responses: { TooManyRequests: { headers: { 'X-Quota-Remaining': {}, RateLimit: {}, 'Retry-After': {} } } },
      securitySchemes: { bearerAuth: { description: expect.stringContaining('an identity provider') } },
    });
    expect(rich).toMatchObject({ info: { description: expect.stringContaining('**Quota**') } });
    expect(danglingRefs(rich)).toEqual([]);
    expect(JSON.stringify(rich)).not.toContain('id.example.com');
  });
});

describe('reading the services\u2019 descriptions', () => {
  let backend: RecordingBackend;
  let gateway: TestGateway;
  beforeAll(async () => {
    backend = await startRecordingBackend((_req, res) => void res.writeHead(500).end());
    const url = `http://127.0.0.1:${backend.port}`;
    const upstreams = { crm: { url, openApiPath: '/openapi.json' }, quiet: { url }, hr: backend.port };
    gateway = await startGateway({ upstreams });
  });
  afterAll(async () => {
    await gateway.stop();
    await backend.stop();
  });

  it('happens only where there is one, carries nothing of a client, and says nothing to a breaker', async () => {
    const answer = await fetch(`${gateway.url}/api-docs.json`, { headers: bearer() });
    const { tags } = (await answer.json()) as Described;
    expect(backend.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /openapi.json']);
    expect(Object.keys(backend.requests[0]?.headers ?? {})).not.toContain('authorization');
    expect(tags).toMatchObject([
      { name: 'crm', 'x-unavailable': true, description: expect.stringContaining('`/api/crm/*`, `/open/crm/*`') },
      { name: 'quiet', description: expect.stringContaining('does not describe itself') },
      { name: 'hr', description: expect.stringContaining('does not describe itself') },
      { name: 'Gateway' },
    ]);
    const { circuitBreakers } = (await (await fetch(`${gateway.url}/health/detailed`)).json()) as {
      circuitBreakers: Record<string, object>;
    };
    expect(circuitBreakers.crm).toMatchObject({ state: 'CLOSED', failures: 0, successes: 0 });
  });
});

/** The schema of an answer, as something that checks values. */
function schemaOf(operation: string, status: number): z.ZodType {
  const response = operationAt(document, operation).responses[status] as {
    content: { 'application/json': { schema: object } };
  };
  return checker(response.content['application/json'].schema);
}

function componentSchema(name: string): z.ZodType {
  return checker(document.components.schemas[name] ?? {});
}

function checker(schema: object): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: document.components.schemas });
  const moved = text.replaceAll('#/components/schemas/', '#/$defs/');
  return z.fromJSONSchema(JSON.parse(moved) as z.core.JSONSchema.JSONSchema);
}
