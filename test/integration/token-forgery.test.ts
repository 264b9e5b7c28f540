import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, reasonOf } from '../support/call.ts';
import { claiming, forge, publicPem, rightClaims, strangersKeys, withOtherPadding } from '../support/forge-token.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { parseAnswer, sendRaw } from '../support/raw-client.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

let crm: RecordingBackend;
let gateway: TestGateway;

beforeAll(async () => {
  crm = await startRecordingBackend();
  gateway = await startGateway({ upstreams: { crm: crm.port } });
});

afterAll(async () => {
  await gateway.stop();
  await crm.stop();
});

const now = Math.floor(Date.now() / 1000);
const good = forge();
const [head = '', body = '', signature = ''] = good.split('.');
const { iss: _iss, ...noIssuer } = rightClaims();
const { aud: _aud, ...noAudience } = rightClaims();
const { exp: _exp, ...noExpiry } = rightClaims();
const { sub: _sub, ...noSubject } = rightClaims();
const header = (fields: object) => ({ alg: 'HS256', typ: 'JWT', ...fields });
const root = Buffer.from(JSON.stringify({ ...rightClaims(), sub: 'root' })).toString('base64url');
const jwk = strangersKeys.publicKey.export({ format: 'jwk' });
const oct = { kty: 'oct', k: Buffer.from('known').toString('base64url') };

const wrongSignature = {
  'alg HS384, rightly signed': forge({ header: header({ alg: 'HS384' }), hash: 'sha384' }),
  'alg HS512, rightly signed': forge({ header: header({ alg: 'HS512' }), hash: 'sha512' }),
  'alg HS256 signed with SHA-512': forge({ hash: 'sha512' }),
  'alg in lower case': forge({ header: header({ alg: 'hs256' }) }),
  'alg as a list': forge({ header: header({ alg: ['HS256'] }) }),
  'alg missing': forge({ header: { typ: 'JWT' } }),
  'alg null': forge({ header: header({ alg: null }) }),
  'alg none with the old signature': `${part({ alg: 'none' })}.${body}.${signature}`,
  'alg NONE with the old signature': `${part({ alg: 'NONE' })}.${body}.${signature}`,
  'alg nOnE with a signature of one character': `${part({ alg: 'nOnE' })}.${body}.A`,
  'RS256 header with an HMAC of the public key': forge({ header: header({ alg: 'RS256' }), key: publicPem }),
  'HS256 header with an HMAC of the public key': forge({ key: publicPem }),
  'RS256 signed by a stranger': forge({ header: header({ alg: 'RS256' }), key: strangersKeys.privateKey }),
  'RS256 with its own key in jwk': forge({ header: header({ alg: 'RS256', jwk }), key: strangersKeys.privateKey }),
  'HS256 with its own key in jwk': forge({ header: header({ jwk: oct }), key: 'known' }),
  'HS256 with jku': forge({ header: header({ jku: 'http://127.0.0.1:9/keys' }), key: 'known' }),
  'HS256 with x5u': forge({ header: header({ x5u: 'http://127.0.0.1:9/cert' }), key: 'known' }),
  'kid that is a path': forge({ header: header({ kid: '../../../../dev/null' }), key: '' }),
  'kid that is a query': forge({ header: header({ kid: "x' UNION SELECT 'known' --" }), key: 'known' }),
  'kid that names a prototype': forge({ header: header({ kid: '__proto__' }), key: 'undefined' }),
  'an empty secret': forge({ key: '' }),
  'the secret with a line break': forge({ key: `${secret}\n` }),
  'a guessed secret': forge({ key: 'secret' }),
  'the payload swapped': `${head}.${root}.${signature}`,
  'the header swapped': `${part({ typ: 'JWT', alg: 'HS256' })}.${body}.${signature}`,
  'the signature of another token': `${head}.${body}.${forge({ payload: { sub: 'x' } }).split('.')[2]}`,
  'the signature cut short': `${head}.${body}.${signature.slice(0, -1)}`,
  'the signature made longer': `${good}A`,
  'the signature in another spelling of the same bytes': `${head}.${body}.${withOtherPadding(signature)}`,
  'a flipped bit': `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
};

const wrongClaims = {
  'no exp': forge({ payload: noExpiry }),
  'exp null': claiming({ exp: null }),
  'exp a text': claiming({ exp: String(now + 600) }),
  'exp beyond all numbers': forge({
    payload: JSON.stringify({ ...noExpiry, exp: 0 }).replace('"exp":0', '"exp":1e999'),
  }),
  'exp a list': claiming({ exp: [now + 600] }),
  'nbf a text': claiming({ nbf: 'yesterday' }),
  'nbf null': claiming({ nbf: null }),
  'iat a text': claiming({ iat: 'yesterday' }),
  'no iss': forge({ payload: noIssuer }),
  'another iss': claiming({ iss: 'psa-auth.example.com' }),
  'iss in another case': claiming({ iss: 'PSA-AUTH' }),
  'iss a list': claiming({ iss: ['psa-auth'] }),
  'no aud': forge({ payload: noAudience }),
  'another aud': claiming({ aud: 'psa-web' }),
  'aud a list without ours': claiming({ aud: ['psa-web', 'psa-ap'] }),
  'aud an empty list': claiming({ aud: [] }),
  'aud an object': claiming({ aud: { 'psa-api': true } }),
  'no sub': forge({ payload: noSubject }),
  'sub empty': claiming({ sub: '' }),
  'sub too long': claiming({ sub: 'x'.repeat(256) }),
  'sub a number': claiming({ sub: 7 }),
  'sub an object': claiming({ sub: { $ne: null } }),
  'sub a list': claiming({ sub: ['root'] }),
  'sub with a line break': claiming({ sub: 'user-1\r\nX-User-Id: root' }),
  'sub with NUL': claiming({ sub: 'root\0' }),
  'sub with half a surrogate pair': claiming({ sub: 'root\ud800' }),
  'roles a text': claiming({ roles: 'admin' }),
  'roles an object': claiming({ roles: { includes: 'admin' } }),
  'roles with a number': claiming({ roles: [0] }),
  'email an object': claiming({ email: { toString: 'x' } }),
  'email too long': claiming({ email: 'x'.repeat(4097) }),
  'a payload that is a text': forge({ payload: '"root"' }),
  'a payload that is a list': forge({ payload: '[]' }),
  'a payload that only claims to inherit': forge({ payload: `{"__proto__":${JSON.stringify(rightClaims())}}` }),
};

const malformed = {
  'alg none without a signature': `${part({ alg: 'none' })}.${body}.`,
  'alg None without a signature': `${part({ alg: 'None' })}.${root}.`,
  'the signature stripped': `${head}.${body}.`,
  'the signature and its dot stripped': `${head}.${body}`,
  'four parts': `${good}.${signature}`,
  'five parts, as an encrypted token has': `${good}.a.b`,
  'padding with =': `${good}=`,
  'the other base64 alphabet': `${head}.${body}.+/${signature.slice(2)}`,
  'a quoted token': `"${good}"`,
  'a header that is no JSON': forge({ header: '{alg:HS256}' }),
  'a header that is null': forge({ header: 'null' }),
  'a payload that is no JSON': forge({ payload: '{"sub":"root"' }),
  'a payload that is null': forge({ payload: 'null' }),
  'crit, which nobody here understands': forge({ header: header({ crit: ['exp'] }) }),
  'a token of 12 KiB': claiming({ note: 'x'.repeat(9000) }),
};

const tooEarlyOrLate = [
  ['exp in the past', claiming({ exp: now - 60 }), 'token_expired'],
  ['exp zero', claiming({ exp: 0 }), 'token_expired'],
  ['exp negative', claiming({ exp: -1 }), 'token_expired'],
  ['nbf in the future', claiming({ nbf: now + 600 }), 'token_not_yet_valid'],
  ['iat in the future', claiming({ iat: now + 600 }), 'token_not_yet_valid'],
] as const;

const credentials = {
  Basic: `Basic ${Buffer.from('root:root').toString('base64')}`,
  'the bare token': good,
  'Bearer without a token': 'Bearer',
  'Bearer with a space for a token': 'Bearer  ',
  'two tokens': `Bearer ${good} ${good}`,
  'a list of two credentials': `Bearer ${good}, Bearer ${good}`,
  'a scheme that only begins like Bearer': `BearerX ${good}`,
  'a tab for the space': `Bearer\t${good}`,
  'Bearer Bearer': `Bearer Bearer ${good}`,
  'a no-break space': `Bearer\u00a0${good}`,
};

describe('a forged or unfit token', () => {
  const under = (tokens: Record<string, string>, reason: string) =>
    Object.entries(tokens).map(([name, token]) => [name, token, reason] as const);
  const table = [
    ...under(wrongSignature, 'token_signature_invalid'),
    ...under(wrongClaims, 'token_claims_invalid'),
    ...under(malformed, 'auth_malformed'),
    ...tooEarlyOrLate,
  ];

  it.each(table)('is refused and never forwarded: %s', async (_name, token, reason) => {
    await expectRefusal(`Bearer ${token}`, reason);
  });

  it.each(Object.entries(credentials))('is refused and never forwarded: %s', async (_name, authorization) => {
    await expectRefusal(authorization, 'auth_malformed');
  });

  it('is refused before it is read when it does not fit into the header', async () => {
    crm.reset();
    const token = claiming({ note: 'x'.repeat(16_384) });
    const answer = await call(`${gateway.url}/api/crm/x`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(431);
    expect(reasonOf(answer)).toBe('header_too_large');
    expect(crm.requests).toEqual([]);
  });

  it.each([
    ['good, then bad', `Bearer ${good}`, `Bearer ${head}.${root}.${signature}`],
    ['good, then the same', `Bearer ${good}`, `Bearer ${good}`],
    ['good, then Basic', `Bearer ${good}`, 'Basic cm9vdDpyb290'],
    ['bad, then good', 'Basic cm9vdDpyb290', `Bearer ${good}`],
  ])('is refused when there are two Authorization headers: %s', async (_name, one, two) => {
    crm.reset();
    const lines = ['GET /api/crm/x HTTP/1.1', 'Host: a', `Authorization: ${one}`, `AUTHORIZATION: ${two}`];
    const { text } = await sendRaw(gateway.port, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`, {
      silenceMs: 3000,
    });
    const answer = parseAnswer(text);
    expect(answer.status).toBe(401);
    expect(answer.headers['x-gateway-reason']).toBe('auth_malformed');
    expect(crm.requests).toEqual([]);
  });
});

async function expectRefusal(authorization: string, reason: string): Promise<void> {
  crm.reset();
  const answer = await call(`${gateway.url}/api/crm/x`, { headers: { authorization } });
  expect(reasonOf(answer)).toBe(reason);
  expect(answer.status).toBe(401);
  expect(answer.headers['x-gateway-reason']).toBe(reason);
  const error = reason.startsWith('auth_') ? 'invalid_request' : 'invalid_token';
  expect(answer.headers['www-authenticate']).toBe(`Bearer error="${error}"`);
  // Nothing of the token, nor of what was expected instead.
  if (authorization.includes('.')) expect(answer.body.toString()).not.toContain(authorization.slice(-20));
  expect(answer.body.toString()).not.toMatch(/psa-auth|psa-web|jwt |jsonwebtoken/);
  expect(crm.requests).toEqual([]);
}

function part(content: unknown): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}
