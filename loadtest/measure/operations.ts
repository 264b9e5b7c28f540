/** A kind of request that the profiles send, and what answers it rightly. */
export interface Operation {
  readonly name: string;
  readonly method: string;
  /** Of the path without its query. */
  readonly path: RegExp;
  /** Any other status is an error. */
  readonly expected: number;
  /** The service behind the gateway; undefined where the gateway answers itself. */
  readonly upstream?: 'auth' | 'crm' | 'tickets';
}

const operations: readonly Operation[] = [
  { name: 'health', method: 'GET', path: /^\/health$/, expected: 200 },
  { name: 'log in', method: 'POST', path: /^\/api\/v1\/auth\/login$/, expected: 200, upstream: 'auth' },
  { name: 'list companies', method: 'GET', path: /^\/api\/v1\/crm\/companies$/, expected: 200, upstream: 'crm' },
  { name: 'one company', method: 'GET', path: /^\/api\/v1\/crm\/companies\/[^/]+$/, expected: 200, upstream: 'crm' },
  { name: 'list tickets', method: 'GET', path: /^\/api\/v1\/tickets$/, expected: 200, upstream: 'tickets' },
  { name: 'one ticket', method: 'GET', path: /^\/api\/v1\/tickets\/[^/]+$/, expected: 200, upstream: 'tickets' },
  { name: 'open a ticket', method: 'POST', path: /^\/api\/v1\/tickets$/, expected: 201, upstream: 'tickets' },
  { name: 'unknown path', method: 'GET', path: /^\/api\/v1\/nothing-here$/, expected: 404 },
];

/** What a request was; one that no entry of the list describes goes by its method and path, and should answer 200. */
export function operationOf(method: string, url: string): Operation {
  const [path = ''] = url.split('?');
  const known = operations.find((operation) => operation.method === method && operation.path.test(path));
  return known ?? { name: `${method} ${path}`, method, path: /^/, expected: 200 };
}
