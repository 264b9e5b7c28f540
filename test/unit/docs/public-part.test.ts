import { describe, expect, it } from '@jest/globals';
import type { RouteSettings } from '../../../src/config/schema.ts';
import { type PublicPart, publicPart } from '../../../src/docs/public-part.ts';
import { readServiceDocument } from '../../../src/docs/service-document.ts';
import { routeFinder } from '../../../src/route/match-route.ts';
import { configOf } from '../../support/configuration.ts';
import { type Described, operationAt } from '../../support/openapi.ts';

const ROUTES = `routes:
  - { path: /api/crm/*, upstream: crm, stripPrefix: /api/crm, methods: [GET, POST] }
  - { path: /api/crm/*, upstream: crm, stripPrefix: /api/crm, methods: [DELETE], roles: [admin, boss] }
  - { path: /api/crm/open, upstream: crm, stripPrefix: /api/crm, auth: none }
  - { path: /api/crm/elsewhere/*, upstream: hr, stripPrefix: /api/crm }
`;
const UPSTREAMS = 'upstreams: { crm: { url: http://localhost:1 }, hr: { url: http://localhost:2 } }\n';

interface Options {
  readonly paths: object;
  readonly components?: object;
  readonly routes?: string;
}

/** What the crm service has public, of a document with these paths. */
function published({ paths, components = {}, routes: text = ROUTES }: Options): PublicPart & Described {
  const routes: readonly RouteSettings[] = configOf({ file: UPSTREAMS + text }).gateway.routes;
  const find = routeFinder(routes);
  const part = publicPart({
    service: 'crm',
    document: readServiceDocument({ openapi: '3.1.0', info: { title: 'CRM' }, paths, components }),
    routes,
    routeOf: (path, method) =>
      find(path)?.entries.find(({ methods }) => (methods as readonly string[]).includes(method)),
  });
  return part as PublicPart & Described;
}

const ok = { responses: { 200: { description: 'OK' } } };
const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const answering = (reply: object) => ({ responses: { 200: { description: 'OK', content: { json: reply } } } });
const listOf = ({ paths }: Described) =>
  Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));

describe('the paths that are published', () => {
  it('are those that some route leads to this service, as clients know them', () => {
    const all = { get: ok, put: ok, delete: ok, trace: ok, summary: 'no method' };
    const paths = { '/companies/{id}': all, '/': { get: ok }, '/open': { get: ok, put: ok }, '/elsewhere/x': all };
    expect(listOf(published({ paths }))).toEqual([
      'get /api/crm/companies/{id}',
      'delete /api/crm/companies/{id}',
      'get /api/crm',
      'get /api/crm/open',
      'put /api/crm/open',
    ]);
  });

  it('are the same as the service has, without a prefix to take off', () => {
    const routes = 'routes: [{ path: /crm/*, upstream: crm }, { path: /v1/crm/*, upstream: crm, stripPrefix: /v1 }]';
    // The last would be under a path that the gateway turns into another one.
    const paths = { '/crm/a': { get: ok }, '/internal': { get: ok }, '/v1/crm/b': { get: ok } };
    expect(listOf(published({ paths, routes }))).toEqual(['get /crm/a', 'get /v1/crm/a']);
  });

  it.each(['/a//b', '/../admin', '/./a', '/a/..', '/a;b', '/a b', '/a?b', '/a#b', '/<img>', '/%2e', '/{a/b}'])(
    'leave out %s, which no request can have',
    (path) => {
      expect(listOf(published({ paths: { [path]: { get: ok } } }))).toEqual([]);
    },
  );

  it('are no more than a page can show', () => {
    const paths = Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`/${n}`, { get: ok, post: ok }]));
    expect(() => published({ paths })).toThrow('more than 1000 operations');
  });
});

describe('a published operation', () => {
  it('needs the token and the roles that its route needs, whatever the service says', () => {
    const own = { ...ok, description: 'Removes it.', security: [{ own: [] }], servers: [{ url: 'http://crm' }] };
    const paths = { '/a': { get: own, delete: own, servers: [{ url: 'http://crm' }] }, '/open': { get: own } };
    const part = published({ paths, components: { securitySchemes: { own: {} } } });
    expect(operationAt(part, 'get /api/crm/a').security).toEqual([{ bearerAuth: [] }, { apiKeyAuth: [] }]);
    expect(operationAt(part, 'get /api/crm/open').security).toEqual([]);
    expect(operationAt(part, 'delete /api/crm/a').description).toBe(
      'Removes it.\n\nNeeds one of the roles: `admin`, `boss`.',
    );
    expect(JSON.stringify(part)).not.toMatch(/servers|http:|own/);
  });

  it('has the answers that the gateway may give instead', () => {
    const part = published({ paths: { '/a': { get: ok, delete: ok }, '/open': { get: ok } } });
    const statuses = (operation: string) => Object.keys(operationAt(part, operation).responses);
    expect(statuses('get /api/crm/a')).toEqual(['200', '401', '403', '429', '502', '503', '504']);
    expect(statuses('delete /api/crm/a')).toEqual(['200', '401', '403', '429', '502', '503', '504']);
    expect(statuses('get /api/crm/open')).toEqual(['200', '429', '502', '503', '504']);
    expect(operationAt(part, 'get /api/crm/a').responses[401]).toEqual({ $ref: '#/components/responses/Unauthorized' });
  });

  it('keeps an answer of the service under the same status, and adds the gateway\u2019s to it', () => {
    const content = { 'application/problem+json': { schema: { type: 'object' } }, 'text/plain': {} };
    const headers = { 'Retry-After': { description: 'Ours.' } };
    const shared = { description: 'Too busy.', headers, content, links: { next: { operationId: 'x' } } };
    const paths = { '/a': { get: { responses: { 503: { $ref: '#/components/responses/Busy' } } } } };
    const part = published({ paths, components: { responses: { Busy: shared } } });
    expect(operationAt(part, 'get /api/crm/a').responses[503]).toEqual({
      description: expect.stringMatching(/^Too busy\.\n\nOr from the gateway: .*`breaker_open`/),
      headers: { 'X-Gateway-Reason': expect.anything(), 'Retry-After': { description: 'Ours.' } },
      content: {
        'application/problem+json': { schema: { anyOf: [{ type: 'object' }, schema('Problem')] } },
        'text/plain': {},
      },
    });
  });

  it('takes the parameters of its path, unless it has the same itself', () => {
    const id = { name: 'id', in: 'path', required: true };
    const own = { ...id, description: 'own' };
    const components = { parameters: { Id: id, Page: { name: 'page', in: 'query' } } };
    const ref = (name: string) => ({ $ref: `#/components/parameters/${name}` });
    const item = { parameters: [ref('Id'), ref('Page')], get: { ...ok, parameters: [own] }, post: ok };
    const part = published({ paths: { '/{id}': item }, components });
    const page = { $ref: '#/components/parameters/crm_Page' };
    expect(operationAt(part, 'get /api/crm/{id}').parameters).toEqual([own, page]);
    const inherited = [{ $ref: '#/components/parameters/crm_Id' }, page];
    expect(operationAt(part, 'post /api/crm/{id}').parameters).toEqual(inherited);
  });

  it('has an id of its own', () => {
    const named = { ...ok, operationId: 'list' };
    const part = published({ paths: { '/a': { get: named, post: named }, '/open': { get: named, post: ok } } });
    const ids = ['get /api/crm/a', 'post /api/crm/a', 'get /api/crm/open', 'post /api/crm/open'].map(
      (operation) => operationAt(part, operation).operationId,
    );
    expect(ids).toEqual(['crm_list', 'crm_list_2', 'crm_list_3', undefined]);
  });

  it('survives a service that puts anything anywhere', () => {
    const junk = { summary: 7, description: {}, parameters: ['x', null, {}], requestBody: [], responses: { 200: 'x' } };
    const part = published({ paths: { '/a': { get: junk, post: { responses: [], tags: 'x' } } } });
    const { responses, ...rest } = operationAt(part, 'get /api/crm/a');
    expect(rest).toEqual({ tags: ['crm'], security: [{ bearerAuth: [] }, { apiKeyAuth: [] }] });
    expect(Object.keys(responses)).not.toContain('200');
  });
});

describe('the components that are published', () => {
  it('have names of their own, and are those that are needed', () => {
    const schemas = {
      Company: { properties: { owner: schema('Person'), parent: schema('Company') } },
      Person: { type: 'object' },
      Secret: { type: 'object' },
    };
    const part = published({ paths: { '/a': { get: answering(schema('Company')) } }, components: { schemas } });
    expect(part.components).toEqual({
      schemas: {
        crm_Company: { properties: { owner: schema('crm_Person'), parent: schema('crm_Company') } },
        crm_Person: { type: 'object' },
      },
    });
  });

  it('are found by their discriminator too, whether or not the service maps it', () => {
    const oneOf = [schema('Cat'), schema('Dog')];
    const schemas = {
      Cat: {},
      Dog: {},
      Implied: { oneOf, discriminator: { propertyName: 'kind' } },
      Told: {
        oneOf,
        discriminator: { propertyName: 'kind', mapping: { c: 'Cat', d: schema('Dog').$ref, e: 'http://e.example/x' } },
      },
    };
    const paths = { '/a': { get: answering(schema('Implied')), post: answering(schema('Told')) } };
    const { crm_Implied: implied, crm_Told: told } = published({ paths, components: { schemas } }).components.schemas;
    const [cat, dog] = ['#/components/schemas/crm_Cat', '#/components/schemas/crm_Dog'];
    expect(implied).toMatchObject({ discriminator: { propertyName: 'kind', mapping: { Cat: cat, Dog: dog } } });
    expect((told as { discriminator: object }).discriminator).toEqual({
      propertyName: 'kind',
      mapping: { c: cat, d: dog },
    });
  });

  it.each([
    ['another host', 'http://evil.example/schema.json'],
    ['another file', 'other.json#/Company'],
    ['a file', 'file:///etc/passwd'],
    ['no host', '//evil.example/x'],
    ['no component', '#/paths/~1a/get'],
    ['nothing', '#/components/schemas/Nothing'],
    ['what every object inherits', '#/components/schemas/toString'],
    ['the prototype of every object', '#/components/schemas/__proto__'],
    ['a security scheme', '#/components/securitySchemes/own'],
    ['what can not be decoded', '#/components/schemas/%'],
    ['what can not be decoded within a component', '#/components/schemas/A/%'],
    ['nothing within a component', '#/components/schemas/A/properties/nothing'],
  ])('never refer to %s', (_where, $ref) => {
    const components = { schemas: { A: { properties: {} } }, securitySchemes: { own: {} } };
    const part = published({ paths: { '/a': { get: answering({ schema: { $ref } }) } }, components });
    expect(JSON.stringify(part)).not.toContain($ref);
    expect(JSON.stringify(part)).toContain('Left out');
  });

  it('give no schema an address against which references would be resolved', () => {
    const A = { $id: 'http://evil.example/', $schema: 'http://evil.example/', properties: { $id: { type: 'string' } } };
    const part = published({ paths: { '/a': { get: answering(schema('A')) } }, components: { schemas: { A } } });
    expect(part.components.schemas).toEqual({ crm_A: { properties: { $id: { type: 'string' } } } });
  });

  it('may be referred to within, and may have names that OpenAPI does not allow', () => {
    const schemas = { 'Page\u00abA/B\u00bb': { properties: { items: {} } } };
    const ref = `#/components/schemas/${encodeURIComponent('Page\u00abA~1B\u00bb')}/properties/items`;
    const part = published({ paths: { '/a': { get: answering({ $ref: ref }) } }, components: { schemas } });
    const [name] = Object.keys(part.components.schemas);
    expect(name).toMatch(/^crm_[A-Za-z0-9._-]+$/);
    expect(JSON.stringify(part.paths)).toContain(`#/components/schemas/${name}/properties/items`);
  });

  it('are no more than a browser can take, however often they are referred to', () => {
    const responses = { Huge: { description: 'x'.repeat(100_000) } };
    const get = { responses: { 200: { $ref: '#/components/responses/Huge' } } };
    const paths = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`/${n}`, { get }]));
    expect(() => published({ paths, components: { responses } })).toThrow('once references are followed');
  });
});
