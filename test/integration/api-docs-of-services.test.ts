import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ApiDescription, apiDescription } from '../../src/docs/api-description.ts';
import { configOf } from '../support/configuration.ts';
import { freePort } from '../support/free-port.ts';
import { type Described, operationsOf } from '../support/openapi.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const FRESH_MS = 30_000;
const RETRY_MS = 3000;
const MEBIBYTE = 1024 * 1024;

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const describing = (title: string) => ({
  openapi: '3.1.0',
  info: { title },
  paths: { '/things': { get: { operationId: 'list', responses: { 200: { description: 'OK' } } } } },
});
const sending =
  (value: unknown): RequestListener =>
  (_req, res) =>
    void res
      .setHeader('content-type', 'application/json')
      .end(typeof value === 'string' ? value : JSON.stringify(value));

/** A service whose behaviour can change while it runs. */
async function startService(
  first: RequestListener,
): Promise<RecordingBackend & { behave(next: RequestListener): void }> {
  let behaviour = first;
  const backend = await startRecordingBackend((req, res) => behaviour(req, res));
  open.push(backend.stop);
  return {
    ...backend,
    behave(next) {
      behaviour = next;
    },
  };
}

/** The description of services by port, with a clock that stands still and lines that are kept. */
function described(ports: Record<string, number>) {
  const upstreams = Object.fromEntries(
    Object.entries(ports).map(([name, port]) => [name, { url: `http://127.0.0.1:${port}`, openApiPath: '/own.json' }]),
  );
  const routes = Object.keys(ports).map((name) => ({
    path: `/api/${name}/*`,
    upstream: name,
    stripPrefix: `/api/${name}`,
  }));
  const { gateway } = configOf({ file: JSON.stringify({ upstreams, routes }) });
  const lines: string[] = [];
  let now = 0;
  const description: ApiDescription = apiDescription({
    title: 'gateway',
    version: '1.2.3',
    upstreams: gateway.upstreams,
    routes: gateway.routes,
    features: { tokens: { own: true, issuers: false, opaque: false }, publishesKeys: false, hasQuotas: false },
    routeOf: (path) => gateway.routes.find((route) => path.startsWith(`${route.stripPrefix}/`)),
    time: { clock: () => now, now: () => Date.UTC(2030, 0, 1) + now },
    logger: { info: (line) => void lines.push(`info: ${line}`), warn: (line) => void lines.push(`warn: ${line}`) },
  });
  open.push(description.close);
  return {
    description,
    lines,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    read: async () => JSON.parse(await description.text()) as Described,
  };
}

const tagOf = ({ tags = [] }: Described, name: string) => tags.find((tag) => tag.name === name);
const idsOf = (document: Described) => operationsOf(document).flatMap(({ operationId }) => operationId ?? []);

describe('the description of a service', () => {
  it('is read at the start, and again only by those who ask when it is old, all at once', async () => {
    const crm = await startService(sending(describing('CRM')));
    const { description, read, pass } = described({ crm: crm.port });
    await until('the first reading', () => crm.requests.length === 1);
    await Promise.all([read(), read(), read()]);
    pass(FRESH_MS - 1);
    await read();
    expect(crm.requests.length).toBe(1);
    crm.behave(sending(describing('CRM, next release')));
    pass(1);
    const texts = await Promise.all(Array.from({ length: 20 }, () => description.text()));
    expect(crm.requests.length).toBe(2);
    expect(texts.filter((text) => text.includes('next release')).length).toBe(20);
  });

  it('stays as it was last known while the service is away, marked, and is told of once', async () => {
    const crm = await startService(sending(describing('CRM')));
    const auth = await startService(sending(describing('Auth')));
    const { read, pass, lines } = described({ auth: auth.port, crm: crm.port });
    expect(tagOf(await read(), 'crm')).toEqual({ name: 'crm', description: 'CRM' });
    await crm.stop();
    for (let attempt = 0; attempt < 3; attempt++) {
      pass(FRESH_MS);
      const document = await read();
      expect(tagOf(document, 'crm')).toEqual({
        name: 'crm',
        description: expect.stringMatching(
          /^\*\*Not available at the moment\.\*\* .*2030-01-01T00:00:00\.000Z\.\n\nCRM$/,
        ),
        'x-unavailable': true,
        'x-last-known-at': '2030-01-01T00:00:00.000Z',
      });
      expect(tagOf(document, 'auth')).toEqual({ name: 'auth', description: 'Auth' });
      expect(idsOf(document)).toEqual(['auth_list', 'crm_list']);
    }
    expect(lines).toEqual(['warn: the description of crm can not be read']);
  });

  it('is looked for again soon, and its return is told of once', async () => {
    const crm = await startService((_req, res) => void res.writeHead(503).end());
    const { read, pass, lines } = described({ crm: crm.port });
    expect(tagOf(await read(), 'crm')).toEqual({
      name: 'crm',
      description: expect.stringMatching(/^\*\*Not available: .* `\/api\/crm\/\*`\.$/),
      'x-unavailable': true,
    });
    crm.behave(sending(describing('CRM')));
    pass(RETRY_MS - 1);
    expect(idsOf(await read())).toEqual([]);
    pass(1);
    expect(idsOf(await read())).toEqual(['crm_list']);
    pass(FRESH_MS);
    await read();
    expect(lines).toEqual([
      'warn: the description of crm can not be read',
      'info: the description of crm can be read again',
    ]);
  });
});

describe('a service that is slow, broken or hostile', () => {
  const redirecting = (port: number): RequestListener => {
    return (_req, res) => void res.writeHead(302, { location: `http://127.0.0.1:${port}/own.json` }).end();
  };
  const failing: RequestListener = (_req, res) => void res.writeHead(500).end(JSON.stringify(describing('x')));
  const cutting: RequestListener = (_req, res) => {
    res.writeHead(200, { 'content-length': '1000' }).write('{"openapi":');
    setImmediate(() => res.destroy());
  };
  const endless: RequestListener = (_req, res) => {
    const more = () => {
      while (!res.destroyed && res.write(' '.repeat(65_536)));
    };
    res.on('drain', more);
    more();
  };

  it.each<[string, RequestListener]>([
    ['answers with a page', sending('<!doctype html>')],
    ['answers with a list', sending([])],
    ['answers nothing', sending('')],
    ['answers in the words of Swagger 2', sending({ swagger: '2.0', paths: {} })],
    ['answers another status', (_req, res) => void res.writeHead(204).end()],
    ['answers an error, with a description', failing],
    ['breaks off', cutting],
    ['sends more than a mebibyte', sending(`{"openapi":"3.1.0","paths":{},"x":"${'x'.repeat(MEBIBYTE)}"}`)],
    ['never ends', endless],
    ['nests deeper than a stack holds', sending(`{"paths":${'['.repeat(400_000)}${']'.repeat(400_000)}}`)],
  ])('is left out when it %s, and the others are not', async (_what, behaviour) => {
    const bad = await startService(behaviour);
    const crm = await startService(sending(describing('CRM')));
    const { read, lines } = described({ bad: bad.port, crm: crm.port });
    const document = await read();
    expect(tagOf(document, 'bad')).toMatchObject({ 'x-unavailable': true });
    expect(idsOf(document)).toEqual(['crm_list']);
    expect(lines).toEqual(['warn: the description of bad can not be read']);
  });

  it('can not send the gateway to another address', async () => {
    const inner = await startService(sending(describing('Inner')));
    const bad = await startService(redirecting(inner.port));
    const { read } = described({ bad: bad.port });
    expect(tagOf(await read(), 'bad')).toMatchObject({ 'x-unavailable': true });
    expect(inner.requests).toEqual([]);
  });

  it('keeps nobody waiting for more than two seconds, and its connection is given up', async () => {
    const bad = await startService(() => undefined);
    const startedAt = performance.now();
    const { read } = described({ bad: bad.port });
    expect(tagOf(await read(), 'bad')).toMatchObject({ 'x-unavailable': true });
    expect(performance.now() - startedAt).toBeGreaterThan(1900);
    await until('no connection', () => bad.connectionCount() === 0);
  });

  it('does not keep the gateway from stopping, and is not complained of then', async () => {
    const bad = await startService(() => undefined);
    const { description, read, lines } = described({ bad: bad.port });
    await until('the first reading', () => bad.connectionCount() === 1);
    const reading = read();
    description.close();
    await reading;
    await until('no connection', () => bad.connectionCount() === 0);
    expect(lines).toEqual([]);
  });

  it('tells nobody where it is', async () => {
    const crm = await startService(sending(describing('CRM')));
    const { read } = described({ crm: crm.port, dead: await freePort() });
    const text = JSON.stringify(await read());
    expect(text).not.toMatch(/own\.json|127\.0\.0\.1|ECONNREFUSED/);
  });
});
