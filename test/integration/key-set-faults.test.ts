import { createSecretKey } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type KeySet, openKeySet } from '../../src/auth/key-set.ts';
import { Problem } from '../../src/problem/problem.ts';
import { issuerKey } from '../support/issuer-keys.ts';
import { json, type KeyServer, publishing, startKeyServer } from '../support/key-server.ts';
import { until } from '../support/until.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const [good, next, strangers] = ['good', 'next', 'good'].map((kid) => issuerKey('RS256', kid)) as [
  ReturnType<typeof issuerKey>,
  ReturnType<typeof issuerKey>,
  ReturnType<typeof issuerKey>,
];
const wanted = { algorithm: 'RS256', kid: 'good' } as const;

let server: KeyServer;
let evil: KeyServer;
let keySet: KeySet | undefined;
let time: { ms: number };
let removals: number;
let told: string[];

beforeEach(async () => {
  server = await startKeyServer(good);
  evil = await startKeyServer(strangers);
  time = { ms: 0 };
  removals = 0;
  told = [];
});

afterEach(async () => {
  keySet?.close();
  await server.stop();
  await evil.stop();
});

function open(algorithms: Parameters<typeof openKeySet>[0]['algorithms'] = ['RS256']): KeySet {
  keySet = openKeySet({
    issuer: 'https://issuer.example',
    url: server.jwksUrl,
    algorithms,
    refreshSeconds: 300,
    clock: () => time.ms,
    onKeysRemoved: () => removals++,
    logger: { warn: (message) => told.push(`warn ${message}`), info: (message) => told.push(`info ${message}`) },
  });
  return keySet;
}

const refusalOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error.reason;
    throw error;
  }
  return 'none';
};

describe('a key set whose server', () => {
  const { d, p, q, dp, dq, qi } = good.privateKey.export({ format: 'jwk' });
  const secret = createSecretKey('known-to-everybody-who-can-read-it', 'utf8').export({ format: 'jwk' });
  const useless: Record<string, unknown[]> = {
    'keys for encryption': [{ ...good.jwk, use: 'enc' }],
    'keys for signing only': [{ ...good.jwk, key_ops: ['sign'] }],
    'keys of another algorithm': [{ ...good.jwk, alg: 'RS512' }],
    'keys of a kind that nobody knows': [{ ...good.jwk, kty: 'XYZ' }],
    'secrets that everybody can read': [{ ...secret, alg: 'HS256', kid: 'good' }],
    'secrets under a public algorithm': [{ ...secret, alg: 'RS256', kid: 'good' }],
    'keys that are too short': [issuerKey('RS256', 'good', { modulusLength: 1024 }).jwk],
    'keys that are too long': [{ ...good.jwk, n: Buffer.alloc(1025, 0xff).toString('base64url') }],
    'keys with an exponent that keeps us busy': [{ ...good.jwk, e: Buffer.alloc(200, 0xff).toString('base64url') }],
    'keys whose every text is its own signature': [{ ...good.jwk, e: 'AQ' }],
    'keys with an even exponent': [
      { ...good.jwk, e: 'Ag' },
      { ...good.jwk, e: 'AQAA' },
    ],
    'keys without an exponent': [
      { ...good.jwk, e: '' },
      { ...good.jwk, e: 'AA' },
    ],
    'keys whose numbers are none': [{ ...good.jwk, n: '!' }],
    'keys whose id is an object': [{ ...good.jwk, kid: { $ne: 1 } }],
    'no objects': [null, 7, 'key', []],
    'no keys': [],
  };
  const lies: Record<string, Parameters<KeyServer['answer']>[0]> = {
    'answers 500': json({ keys: [good.jwk] }, 500),
    'answers 204': (_req, res) => res.writeHead(204).end(),
    'answers with a page': (_req, res) => res.end('<html>'),
    'answers with null': json(null),
    'answers with a list': json([good.jwk]),
    'answers with keys that are no list': json({ keys: { good: good.jwk } }),
    'answers with 51 keys': json({ keys: Array.from({ length: 51 }, () => good.jwk) }),
    'answers with a megabyte': json({ keys: [good.jwk], note: 'x'.repeat(1_048_576) }),
    'answers without end': (_req, res) => {
      const timer = setInterval(() => res.write(' '.repeat(65_536)), 1);
      res.on('close', () => clearInterval(timer));
    },
    'redirects to another': (_req, res) => res.writeHead(302, { Location: evil.jwksUrl }).end(),
    'breaks off': (_req, res) => {
      res.writeHead(200, { 'Content-Length': 1000 }).write('{"keys":[');
      setImmediate(() => res.destroy());
    },
    'closes the connection': (_req, res) => res.destroy(),
  };

  it.each([
    ...Object.entries(lies),
    ...Object.entries(useless).map(([name, keys]) => [`has ${name}`, json({ keys })] as const),
  ])('%s is as one that has none, and does not replace the keys of before', async (_name, listener) => {
    server.answer(listener);
    const without = open();
    await without.firstFetch;
    expect(refusalOf(() => without.find(wanted))).toBe('jwks_unavailable');
    without.close();
    expect(evil.requests()).toBe(0);

    server.answer(publishing([good]));
    const having = open();
    await having.firstFetch;
    server.answer(listener);
    await expect(having.lookAgain()).rejects.toThrow(Problem);
    expect(having.find(wanted)).toHaveLength(1);
    expect(removals).toBe(0);
    expect(having.report()).toMatchObject({ isFailing: true, fetches: { ok: 1, failed: 1 } });
  });

  it('hangs is given up after two seconds, and tried again soon', async () => {
    server.answer(() => undefined);
    const keySet = open();
    const startedAt = performance.now();
    await keySet.firstFetch;
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(keySet.report().isFailing).toBe(true);
    server.publish(good);
    await until('the keys are there', () => !keySet.report().isFailing);
    expect(keySet.find(wanted)).toHaveLength(1);
    expect(told).toEqual([expect.stringMatching(/^warn /), expect.stringMatching(/^info /)]);
  });

  it('flaps is noticed each time, and its keys hold', async () => {
    let isUp = true;
    server.answer((req, res) => (isUp ? publishing([good])(req, res) : void res.destroy()));
    const keySet = open();
    await keySet.firstFetch;
    for (let round = 0; round < 6; round++) {
      isUp = !isUp;
      time.ms += MINUTE_MS;
      await keySet.lookAgain().catch(() => undefined);
      expect(keySet.find(wanted)).toHaveLength(1);
      expect(keySet.report().isFailing).toBe(!isUp);
    }
    expect(told.map((line) => line.slice(0, 4))).toEqual(['warn', 'info', 'warn', 'info', 'warn', 'info']);
  });

  it('publishes a private key is believed its public half alone', async () => {
    server.answer(json({ keys: [{ ...good.jwk, d, p, q, dp, dq, qi }] }));
    const keySet = open();
    await keySet.firstFetch;
    const [key] = keySet.find(wanted);
    expect(await key?.verifies(good.token({}))).toBe(true);
    expect(key?.id).not.toContain(d);
  });
});

describe('a key set', () => {
  it('gives a key for the algorithms that are allowed, each by itself', async () => {
    const { alg: _alg, ...any } = good.jwk;
    server.answer(json({ keys: [any] }));
    const keySet = open(['RS256', 'PS256', 'ES256', 'EdDSA']);
    await keySet.firstFetch;
    const [key] = keySet.find(wanted);
    expect(await key?.verifies(good.token({}))).toBe(true);
    expect(await key?.verifies(good.token({}, { alg: 'PS256' }))).toBe(false);
    expect(keySet.find({ ...wanted, algorithm: 'PS256' })).toHaveLength(1);
    expect(keySet.find({ ...wanted, algorithm: 'ES256' })).toEqual([]);
    expect(keySet.find({ ...wanted, algorithm: 'RS512' })).toEqual([]);
  });

  it('looks again for a key at most every 30 seconds, once for all who ask, and never for one that it has', async () => {
    const keySet = open();
    await keySet.firstFetch;
    await Promise.all(Array.from({ length: 100 }, () => keySet.lookAgain()));
    expect(server.requests()).toBe(2);
    time.ms += 29_999;
    await keySet.lookAgain();
    expect(server.requests()).toBe(2);
    time.ms += 1;
    await keySet.lookAgain();
    expect(server.requests()).toBe(3);
  });

  it('asks anew when it looks again while an older fetch is under way', async () => {
    const waiting: (() => void)[] = [];
    server.answer((req, res) => waiting.push(() => publishing([good])(req, res)));
    const keySet = open();
    await until('the first fetch is under way', () => waiting.length === 1);
    const looking = keySet.lookAgain();
    server.publish(good, next);
    waiting[0]?.();
    await looking;
    expect(keySet.find({ ...wanted, kid: 'next' })).toHaveLength(1);
  });

  it('tells when a key is gone, and not when one is added', async () => {
    const keySet = open();
    await keySet.firstFetch;
    server.publish(good, next);
    await keySet.lookAgain();
    expect(removals).toBe(0);
    time.ms += MINUTE_MS;
    server.publish(next, strangers);
    await keySet.lookAgain();
    // The stranger's key has the same id, and is another one.
    expect(removals).toBe(1);
    expect(await keySet.find(wanted)[0]?.verifies(good.token({}))).toBe(false);
  });

  it('keeps keys for a day that nobody confirms, and no longer', async () => {
    const keySet = open();
    await keySet.firstFetch;
    time.ms = DAY_MS;
    expect(keySet.find(wanted)).toHaveLength(1);
    time.ms += 1;
    expect(refusalOf(() => keySet.find(wanted))).toBe('jwks_unavailable');
  });
});
