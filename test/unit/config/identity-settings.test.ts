import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { configOf, findingsOf, minimalFile } from '../../support/configuration.ts';

const withIdentity = (text: string) => `${minimalFile}identity:\n${text}`;
const issuer = (more = '', name = 'https://issuer.example') =>
  `    - issuer: ${name}\n      jwksUrl: https://issuer.example/jwks\n      audience: [api]\n${more}`;
const withIssuers = (...issuers: readonly string[]) => withIdentity(`  issuers:\n${issuers.join('')}`);
const prefix = "      subjectPrefix: ''\n";
const noSecret = { JWT_SECRET: undefined, JWT_ISSUER: undefined, JWT_AUDIENCE: undefined };
const pem = (type: 'ed25519' | 'x25519') =>
  generateKeyPairSync(type as 'ed25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();

const cognito = `    - preset: cognito
      region: eu-west-1
      userPoolId: eu-west-1_AbC
      audience: [client]
`;

describe('identity in gateway.yaml', () => {
  it('knows what a Cognito user pool is', () => {
    const { issuers } = configOf({ file: withIssuers(cognito), environment: noSecret }).gateway.identity;
    expect(issuers).toEqual([
      expect.objectContaining({
        issuer: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC',
        jwksUrl: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC/.well-known/jwks.json',
        algorithms: ['RS256'],
        tokenUse: ['access', 'id'],
        claims: { roles: 'cognito:groups' },
      }),
    ]);
  });

  it.each([
    ['an issuer', withIssuers(issuer())],
    [
      'introspection',
      withIdentity("  introspection: {url: 'https://a.example/i', clientId: gateway, clientSecret: '${SECRET}'}\n"),
    ],
  ])('needs no JWT_SECRET beside %s', (_name, file) => {
    const { settings } = configOf({ file, environment: { ...noSecret, SECRET: 'hunter2' } });
    expect(settings.JWT_SECRET).toBeUndefined();
  });

  it('needs JWT_SECRET and what goes with it if nobody else issues tokens, and what goes with it if it is there', () => {
    const keysOf = (findings: string[]) => findings.map((finding) => finding.split(' ')[1]);
    expect(keysOf(findingsOf({ environment: noSecret }))).toEqual(['JWT_SECRET:', 'JWT_ISSUER:', 'JWT_AUDIENCE:']);
    expect(keysOf(findingsOf({ environment: noSecret, file: withIdentity('  issuers: []\n') }))).toHaveLength(3);
    const half = { ...noSecret, JWT_SECRET: 'x'.repeat(32) };
    expect(keysOf(findingsOf({ environment: half, file: withIssuers(issuer(prefix)) }))).toEqual([
      'JWT_ISSUER:',
      'JWT_AUDIENCE:',
    ]);
  });

  it.each<[string, string, RegExp]>([
    [
      'keys over plain HTTP',
      issuer().replace('https://issuer.example/jwks', 'http://keys.example/'),
      /jwksUrl: expected an https/,
    ],
    [
      'a host that only begins like this machine',
      issuer().replace('https://issuer.example/jwks', 'http://127.evil.example/'),
      /jwksUrl/,
    ],
    ['a user in the URL of keys', issuer().replace('issuer.example/jwks', 'a:hunter2@issuer.example/'), /jwksUrl/],
    ['a file of keys', issuer().replace('https://issuer.example/jwks', 'file:///keys'), /jwksUrl/],
    ['an algorithm with a shared secret', issuer('      algorithms: [RS256, HS256]\n'), /algorithms\[1\]/],
    ['the algorithm none', issuer('      algorithms: [none]\n'), /algorithms\[0\]/],
    ['no audience', issuer().replace('audience: [api]', 'audience: []'), /audience/],
    ['a leeway of a minute', issuer('      leewaySeconds: 60\n'), /leewaySeconds/],
    ['a region without a preset', issuer('      region: eu-west-1\n'), /region: belongs to `preset: cognito`/],
    ['a user pool without its id', cognito.replace(/ +userPoolId.*\n/, ''), /userPoolId: missing/],
    ['a user pool whose id is a path', cognito.replace('eu-west-1_AbC', '../evil'), /userPoolId/],
    ['a user pool with an issuer of its own', `${cognito}      issuer: x\n`, /issuer: is said by/],
    ['neither issuer nor preset', '    - audience: [api]\n', /issuer: missing/],
  ])('refuses %s', (_name, text, expected) => {
    const findings = findingsOf({ file: withIssuers(text), environment: noSecret });
    expect(findings.join('\n')).toMatch(expected);
    expect(findings.join('\n')).not.toContain('hunter2');
  });

  it('refuses an issuer twice, and one that is JWT_ISSUER', () => {
    const file = withIssuers(issuer(prefix), issuer(prefix), issuer(prefix, 'psa-auth'));
    expect(findingsOf({ file })).toEqual([
      expect.stringMatching(/issuers\[1\]\.issuer: issuers\[0\] is the same$/),
      expect.stringMatching(/issuers\[2\]\.issuer: is JWT_ISSUER/),
    ]);
  });

  it('refuses a prefix that would make users holders of API keys', () => {
    expect(findingsOf({ file: withIssuers(issuer("      subjectPrefix: 'key:'\n")) })).toEqual([
      expect.stringMatching(/issuers\[0\]\.subjectPrefix: expected .* not key:/),
    ]);
  });

  it('wants to know whose users are whose as soon as tokens come from two sources', () => {
    expect(findingsOf({ file: withIssuers(issuer()) })).toEqual([
      expect.stringMatching(/^gateway\.yaml:9:7 identity\.issuers\[0\]\.subjectPrefix: missing/),
    ]);
    expect(() => configOf({ file: withIssuers(issuer()), environment: noSecret })).not.toThrow();
    expect(() => configOf({ file: withIssuers(issuer(prefix)) })).not.toThrow();
    const two = withIssuers(issuer("      subjectPrefix: 'a|'\n"), issuer('', 'https://b.example'));
    expect(findingsOf({ file: two, environment: noSecret })).toEqual([
      expect.stringMatching(/issuers\[1\]\.subjectPrefix/),
    ]);
  });

  it.each([
    ['a secret in the file', 'hunter2hunter2', {}, /keys\[0\]: expected `\$\{NAME\}`/],
    ['a variable that is not set', '${GONE}', {}, /keys\[0\]: refers to GONE, which is not set/],
    ['a text that is no key', '${KEY}', { KEY: 'hunter2' }, /keys\[0\]: expected an Ed25519 private key/],
    ['a key for something else', '${KEY}', { KEY: pem('x25519') }, /keys\[0\]: expected an Ed25519 private key/],
  ])('refuses %s for a key of assertions, without repeating it', (_name, key, environment, expected) => {
    const findings = findingsOf({ file: withIdentity(`  assertion: {keys: ['${key}']}\n`), environment });
    expect(findings).toEqual([expect.stringMatching(expected)]);
    expect(findings[0]).not.toMatch(/hunter2|BEGIN/);
  });

  it('refuses an audience for a service that does not exist, and assertions that live for long', () => {
    const environment = { KEY: pem('ed25519') };
    const file = (more: string) => withIdentity(`  assertion: {keys: ['\${KEY}'], ${more}}\n`);
    expect(findingsOf({ environment, file: file('audiences: {cmr: x}') })).toEqual([
      expect.stringMatching(/identity\.assertion\.audiences\.cmr: expected one of crm$/),
    ]);
    expect(findingsOf({ environment, file: file('ttlSeconds: 61') })).toEqual([expect.stringMatching(/ttlSeconds/)]);
    expect(configOf({ environment, file: file('ttlSeconds: 60') }).gateway.identity.assertion?.keys).toHaveLength(1);
  });
});

describe('roles and scopes of a route', () => {
  const needing = (text: string) => `${minimalFile}    ${text}\n`;

  it('are lists, or lists of any and all', () => {
    const file = needing('roles: [a, b]\n    scopes: {all: [x:y], any: [z]}');
    expect(configOf({ file }).gateway.routes[0]).toMatchObject({
      roles: { any: ['a', 'b'], all: [] },
      scopes: { any: ['z'], all: ['x:y'] },
    });
  });

  it.each([
    ['scopes: read', /scopes: expected array or expected object$/],
    ['scopes: {}', /scopes: expected `any` or `all`$/],
    ['scopes: {some: [a]}', /scopes\.some: unknown key$/],
    ['scopes: {any: []}', /scopes\.any: /],
    ["scopes: ['a b']", /scopes\[0\]: expected a scope such as/],
    ["scopes: {all: ['a\"b']}", /scopes\.all\[0\]: expected a scope such as/],
    ['roles: {any: [7]}', /roles\.any\[0\]: expected string/],
  ])('can not be %s', (text, expected) => {
    expect(findingsOf({ file: needing(text) })).toEqual([expect.stringMatching(expected)]);
  });
});
