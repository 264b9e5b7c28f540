import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { bearer, startGateway, type TestGateway } from '../support/gateway.ts';
import { json } from '../support/key-server.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';
import { until } from '../support/until.ts';

const MAX_CONCURRENT = 5;

const good = { active: true, iss: 'https://issuer.example', sub: 'ann', aud: 'psa-api' };

let crm: RecordingBackend;
let gateway: TestGateway;
let server: Server;
let questions: { authorization: string | undefined; form: Record<string, string> }[];
/** What the authorisation server knows, by token. */
let known: Map<string, Record<string, unknown>>;
let listener: RequestListener | undefined;

beforeAll(async () => {
  crm = await startRecordingBackend();
  server = createServer(async (req, res) => {
    const form = Object.fromEntries(new URLSearchParams(await text(req)));
    questions.push({ authorization: req.headers.authorization, form });
    if (listener !== undefined) return listener(req, res);
    json(known.get(form.token ?? '') ?? { active: false })(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => gateway.stop());

afterAll(async () => {
  await crm.stop();
  server.closeAllConnections();
  server.close();
});

beforeEach(async () => {
  questions = [];
  listener = undefined;
  known = new Map([
    ['good-token', { ...good, scope: 'read write', roles: ['agent'] }],
    ['ended', { ...good, active: false }],
    ['elsewhere', { ...good, aud: 'psa-web' }],
    ['from-another', { ...good, iss: 'https://evil.example' }],
    ['over', { ...good, exp: 1 }],
    ['ending', { ...good, exp: Math.floor(Date.now() / 1000) }],
    ['nobody', { ...good, sub: undefined }],
  ]);
  crm.reset();
  gateway = await startGateway({
    upstreams: { crm: crm.port },
    env: { INTROSPECTION_SECRET: 'a:b c' },
    identity: {
      introspection: {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/introspect`,
        clientId: 'gateway',
        clientSecret: '${INTROSPECTION_SECRET}',
        issuer: 'https://issuer.example',
        audience: ['psa-api'],
        subjectPrefix: 'opaque|',
        timeoutMs: 1000,
        maxConcurrent: MAX_CONCURRENT,
      },
    },
  });
});

const ask = (token: string) => call(`${gateway.url}/api/crm/x`, { headers: { authorization: `Bearer ${token}` } });

describe('a token that is no JWT', () => {
  it('is asked about once, with the credentials of the gateway, and then known', async () => {
    for (let index = 0; index < 3; index++) expect((await ask('good-token')).status).toBe(200);
    expect(crm.requests.at(-1)?.headers).toMatchObject({ 'x-user-id': ['opaque|ann'], 'x-user-roles': ['agent'] });
    const authorization = `Basic ${Buffer.from('gateway:a%3Ab%20c').toString('base64')}`;
    const form = { token: 'good-token', token_type_hint: 'access_token' };
    expect(questions).toEqual([{ authorization, form }]);
  });

  it.each([['unknown'], ['ended'], ['elsewhere'], ['from-another'], ['nobody'], ['a+b/c~d==']])(
    'is refused when it is %s, and asked about once',
    async (token) => {
      for (let index = 0; index < 3; index++) {
        const answer = await ask(token);
        expect(answer.status).toBe(401);
        expect(reasonOf(answer)).toBe('token_claims_invalid');
        expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
      }
      expect(questions).toHaveLength(1);
      expect(crm.requests).toEqual([]);
    },
  );

  it('is refused when its exp has passed, whatever its issuer says', async () => {
    expect(reasonOf(await ask('over'))).toBe('token_expired');
  });

  it('is not taken beyond its exp without asking again', async () => {
    for (let index = 0; index < 2; index++) expect((await ask('ending')).status).toBe(200);
    expect(questions).toHaveLength(2);
  });

  it('is asked about once when many requests come with it at a time', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('good-token')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(questions).toHaveLength(1);
  });

  it.each<[string, RequestListener]>([
    ['hangs', () => undefined],
    ['fails', json({ ...good, sub: 'root' }, 500)],
    ['does not know the gateway', json({ error: 'invalid_client' }, 401)],
    ['says nothing', json({})],
    ['says it with a text', json({ ...good, active: 'true', sub: 'root' })],
    ['redirects', (_req, res) => res.writeHead(302, { Location: '/elsewhere' }).end()],
    ['answers with a megabyte', json({ ...good, sub: 'root', note: 'x'.repeat(1_048_576) })],
  ])('gets 503 when its issuer %s: one question, then a pause, and known tokens pass', async (_name, broken) => {
    expect((await ask('good-token')).status).toBe(200);
    listener = broken;
    const brokenAt = performance.now();
    const answer = await ask('other');
    expect(answer.status).toBe(503);
    expect(reasonOf(answer)).toBe('jwks_unavailable');
    expect(answer.headers['retry-after']).toBe('1');
    const more = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(`other-${index}`)));
    expect(new Set(more.map(({ status }) => status))).toEqual(new Set([503]));
    // On a machine that is busy for more than a second, the next round of questions is due.
    const rounds = Math.floor((performance.now() - brokenAt) / 1000);
    expect(questions.length).toBeLessThanOrEqual(2 + rounds * MAX_CONCURRENT);
    expect((await ask('good-token')).status).toBe(200);
    expect((await call(`${gateway.url}/api/crm/x`, { headers: bearer() })).status).toBe(200);
    const health = JSON.parse((await call(`${gateway.url}/health`)).body.toString());
    expect(health).toMatchObject({ status: 'degraded', dependencies: { identity: { status: 'down' } } });
    listener = undefined;
    known.set('other', { ...good, sub: 'bob' });
    await until('its issuer is asked again', async () => (await ask('other')).status === 200);
  });

  it('never has more questions under way than allowed', async () => {
    const waiting: (() => void)[] = [];
    listener = (req, res) => waiting.push(() => json({ active: false })(req, res));
    const statuses: number[] = [];
    const flood = Array.from({ length: 30 }, async (_, index) => {
      statuses.push((await ask(`flood-${index}`)).status);
    });
    await until('all but the allowed questions are refused', () => statuses.length === 25);
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(waiting).toHaveLength(MAX_CONCURRENT);
    for (const answer of waiting) answer();
    await Promise.all(flood);
    expect(statuses.slice(25)).toEqual([401, 401, 401, 401, 401]);
  });

  it('is malformed to a gateway that asks nobody', async () => {
    const other = await startGateway({ upstreams: { crm: crm.port } });
    const answer = await call(`${other.url}/api/crm/x`, { headers: { authorization: 'Bearer good-token' } });
    await other.stop();
    expect(reasonOf(answer)).toBe('auth_malformed');
    expect(questions).toEqual([]);
  });
});
