import { describe, expect, it } from '@jest/globals';
import { readServiceDocument } from '../../../src/docs/service-document.ts';

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
const schemaIn30 = (schema: object) => {
  const components = { schemas: { Thing: schema } };
  const document = readServiceDocument({ openapi: '3.0.3', paths: {}, components });
  return (document.components.schemas as { Thing: unknown }).Thing;
};

describe('readServiceDocument', () => {
  it('takes 3.0 and 3.1, and what it needs of them', () => {
    const get = { responses: {} };
    for (const openapi of ['3.0.0', '3.0.4', '3.1.0', '3.1.1']) {
      const info = { title: 'CRM', description: 'Companies', version: '7' };
      const { title, description, paths } = readServiceDocument({ openapi, info, paths: { '/a': { get } } });
      expect({ title, description, paths }).toEqual({
        title: 'CRM',
        description: 'Companies',
        paths: new Map([['/a', { get }]]),
      });
    }
  });

  it.each([
    ['a text', 'expected a JSON object', 'openapi'],
    ['a list', 'expected a JSON object', []],
    ['nothing', 'expected a JSON object', null],
    ['Swagger 2', 'expected "openapi" to be 3.0.x or 3.1.x', { swagger: '2.0', paths: {} }],
    ['an OpenAPI of the future', 'expected "openapi" to be 3.0.x or 3.1.x', { openapi: '4.0.0', paths: {} }],
    ['a version that is a number', 'expected "openapi" to be 3.0.x or 3.1.x', { openapi: 3.1, paths: {} }],
    ['no paths', 'expected "paths" to be an object', { openapi: '3.1.0' }],
    ['a list of paths', 'expected "paths" to be an object', { openapi: '3.1.0', paths: [] }],
    ['more depth than a stack holds', 'nested deeper than 100 levels', nested(5000)],
    [
      'too many paths',
      'more than 1000 paths',
      { openapi: '3.1.0', paths: Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`/${index}`, {}])) },
    ],
  ])('refuses %s', (_what, why, received) => {
    expect(() => readServiceDocument(received)).toThrow(why);
  });

  it('drops keys that could change what every object inherits', () => {
    const text = `{"openapi":"3.1.0","paths":{},"components":{"schemas":{"__proto__":{"isAdmin":true},"constructor":{},
      "A":{"prototype":{},"properties":{"__proto__":{"type":"string"},"name":{}}}}}}`;
    const { components } = readServiceDocument(JSON.parse(text));
    expect(JSON.stringify(components)).toBe('{"schemas":{"A":{"properties":{"name":{}}}}}');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('takes path items that are kept among the components, and leaves out those that lead nowhere or in circles', () => {
    const ref = (name: string) => ({ $ref: `#/components/pathItems/${name}` });
    const { paths } = readServiceDocument({
      openapi: '3.1.0',
      paths: {
        '/a': ref('A'),
        '/circle': ref('circle'),
        '/nowhere': ref('nowhere'),
        '/inherited': ref('toString'),
        '/elsewhere': { $ref: 'http://other.example/items.json' },
        'x-extension': {},
        '/text': 'get',
      },
      components: { pathItems: { A: ref('B'), B: { get: {} }, circle: ref('circle') } },
    });
    expect([...paths]).toEqual([['/a', { get: {} }]]);
  });
});

describe('a document of OpenAPI 3.0', () => {
  it.each([
    [
      { type: 'string', nullable: true, maxLength: 5 },
      { type: ['string', 'null'], maxLength: 5 },
    ],
    [{ type: 'string', nullable: false }, { type: 'string' }],
    [{ type: 'string', enum: ['a'], nullable: true }, { anyOf: [{ type: 'string', enum: ['a'] }, { type: 'null' }] }],
    [{ allOf: [{ type: 'object' }], nullable: true }, { anyOf: [{ allOf: [{ type: 'object' }] }, { type: 'null' }] }],
    [
      { minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false },
      { exclusiveMinimum: 0, maximum: 9 },
    ],
    [{ maximum: 9, exclusiveMaximum: true }, { exclusiveMaximum: 9 }],
    [{ properties: { nullable: { type: 'boolean' } } }, { properties: { nullable: { type: 'boolean' } } }],
  ])('says %j in the words of 3.1', (schema, expected) => {
    expect(schemaIn30(schema)).toEqual(expected);
  });
});
