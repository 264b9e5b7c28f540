import { describe, expect, it } from '@jest/globals';
import { configOf, findingsOf, refusalOf } from '../../support/configuration.ts';

const refused: readonly [name: string, value: string][] = [
  ['NODE_ENV', 'prod'],
  ['NODE_ENV', 'Production'],
  ['PORT', '-1'],
  ['PORT', '65536'],
  ['PORT', '3000.5'],
  ['PORT', '3e3'],
  ['PORT', '0x50'],
  ['PORT', '3000 ; rm'],
  ['PORT', '３０００'],
  ['PORT', 'Infinity'],
  ['PORT', ' '],
  ['LOG_LEVEL', 'verbose'],
  ['REDIS_PORT', '0'],
  ['ALLOWED_ORIGINS', '*'],
  ['ALLOWED_ORIGINS', 'https://*.example.com'],
  ['ALLOWED_ORIGINS', 'https://app.example.com/'],
  ['ALLOWED_ORIGINS', 'https://app.example.com/path'],
  ['ALLOWED_ORIGINS', 'https://app.example.com,*'],
  ['ALLOWED_ORIGINS', 'https://app.example.com,'],
  ['ALLOWED_ORIGINS', 'app.example.com'],
  ['ALLOWED_ORIGINS', 'null'],
  ['ALLOWED_ORIGINS', 'HTTPS://app.example.com'],
  ['ALLOWED_ORIGINS', 'https://app.example.com:443'],
  ['ALLOWED_ORIGINS', 'https://app.example.com?x'],
  ['ALLOWED_ORIGINS', 'file:///etc'],
  ['TRUST_PROXY', 'true'],
  ['TRUST_PROXY', '1'],
  ['TRUST_PROXY', '*'],
  ['TRUST_PROXY', '0.0.0.0/0'],
  ['TRUST_PROXY', '::/0'],
  ['TRUST_PROXY', '10.0.0.0/33'],
  ['TRUST_PROXY', '10.0.0.0/8/8'],
  ['TRUST_PROXY', '10.0.0.0/'],
  ['TRUST_PROXY', '10.0.0'],
  ['TRUST_PROXY', '2001:db8::/129'],
  ['TRUST_PROXY', 'loopback,all'],
  ['TRUST_PROXY', 'proxy.example.com'],
  ['CRM_SERVICE_URL', 'localhost:3002'],
  ['CRM_SERVICE_URL', 'ftp://localhost'],
  ['CRM_SERVICE_URL', 'http://localhost:3002/api'],
  ['CRM_SERVICE_URL', 'http://localhost:3002?x=1'],
  ['CRM_SERVICE_URL', 'http://localhost:70000'],
  ['RATE_LIMIT_WINDOW_MS', '999'],
  ['RATE_LIMIT_WINDOW_MS', '15m'],
  ['RATE_LIMIT_WINDOW_MS', '86400001'],
  ['RATE_LIMIT_MAX_REQUESTS', '0'],
  ['RATE_LIMIT_MAX_REQUESTS', 'unlimited'],
  ['AUTH_RATE_LIMIT_MAX', '0'],
  ['USER_RATE_LIMIT_MAX', '-5'],
  ['SHUTDOWN_GRACE_MS', '10s'],
  ['SHUTDOWN_GRACE_MS', '600001'],
  ['PM2_INSTANCES', '0'],
  ['PM2_INSTANCES', '-1'],
  ['PM2_INSTANCES', 'all'],
];

describe('the environment', () => {
  it.each(refused)('refuses %s=%s, and says what was expected and found', (name, value) => {
    const [finding, ...others] = findingsOf({ environment: { [name]: value } });
    expect(finding).toMatch(new RegExp(`^environment ${name}: expected .+, got `));
    expect(finding).toContain(`got ${JSON.stringify(value)}`);
    expect(others).toEqual([]);
  });

  it.each([
    ['JWT_SECRET', 'thirty-one-bytes-are-too-few-!!'],
    ['JWT_SECRET', `${'x'.repeat(32)},hunter2`],
    ['JWT_SECRET', `${'x'.repeat(32)},`],
    ['JWT_SECRET', ','],
    ['REDIS_URL', 'http://:hunter2@localhost'],
    ['REDIS_URL', 'redis:hunter2'],
    ['REDIS_URL', 'hunter2'],
  ])('refuses %s=%s without repeating it', (name, value) => {
    const [finding, ...others] = findingsOf({ environment: { [name]: value } });
    expect(finding).toMatch(new RegExp(`^environment ${name}: expected [^,]+`));
    expect(finding).not.toMatch(/got|hunter2|thirty-one|xxx/);
    expect(others).toEqual([]);
  });

  it.each(['http://admin:hunter2@crm:3002', 'http://:hunter2@crm:3002', 'ftp://hunter2@crm'])(
    'refuses a password in CRM_SERVICE_URL=%s without repeating it',
    (url) => {
      const [finding] = findingsOf({ environment: { CRM_SERVICE_URL: url } });
      expect(finding).toContain('://***@crm');
      expect(finding).not.toContain('hunter2');
    },
  );

  it('lists everything that is wrong at once, in both places', () => {
    const environment = { PORT: 'x', JWT_SECRET: '', JWT_ISSUER: undefined, TRUST_PROXY: 'true', LOG_LEVEL: 'loud' };
    const file = 'upstreams: {}\nroutes: []\ntypo: 1\n';
    const { findings, message } = refusalOf({ environment, file });
    const keys = ['PORT', 'LOG_LEVEL', 'JWT_SECRET', 'JWT_ISSUER', 'TRUST_PROXY', 'routes', 'typo'];
    expect(new Set(findings.map(({ key }) => key))).toEqual(new Set(keys));
    expect(message).toContain('7 settings are wrong');
    for (const key of keys) expect(message).toMatch(new RegExp(`^  \\S+ +${key} `, 'm'));
  });

  it('names the line of .env in which a wrong value stands', () => {
    const envFile = '# comment\nPORT=3000\n\nexport LOG_LEVEL=loud\nPORT=http\n';
    expect(findingsOf({ envFile, environment: {} })).toEqual([
      expect.stringMatching(/^\.env:5 PORT: .+ got "http"$/),
      expect.stringMatching(/^\.env:4 LOG_LEVEL: /),
    ]);
  });

  it('names the environment when that wins over .env, and .env when the environment is empty', () => {
    expect(findingsOf({ envFile: 'PORT=1\n', environment: { PORT: 'x' } })[0]).toMatch(/^environment PORT/);
    expect(findingsOf({ envFile: 'PORT=x\n', environment: { PORT: '' } })[0]).toMatch(/^\.env:1 PORT/);
    expect(configOf({ envFile: 'PORT=1\n', environment: { PORT: '2' } }).settings.PORT).toBe(2);
  });

  it('treats an empty value as unset', () => {
    const names = [
      'NODE_ENV',
      'PORT',
      'REDIS_PASSWORD',
      'REDIS_URL',
      'ALLOWED_ORIGINS',
      'TRUST_PROXY',
      'GATEWAY_CONFIG',
    ];
    const empty = Object.fromEntries(names.map((name) => [name, '']));
    expect(configOf({ environment: empty }).settings).toEqual(configOf().settings);
    const envFile = names.map((name) => `${name}=\n`).join('');
    expect(configOf({ envFile }).settings).toEqual(configOf().settings);
  });

  it('has the documented defaults', () => {
    expect(configOf().settings).toMatchObject({
      NODE_ENV: 'production',
      PORT: 3000,
      SERVICE_NAME: 'psa-api-gateway',
      LOG_LEVEL: 'info',
      REDIS_HOST: 'localhost',
      REDIS_PORT: 6379,
      TRUST_PROXY: ['loopback'],
      RATE_LIMIT_WINDOW_MS: 900_000,
      RATE_LIMIT_MAX_REQUESTS: 100,
      AUTH_RATE_LIMIT_MAX: 5,
      USER_RATE_LIMIT_MAX: 1000,
      SHUTDOWN_GRACE_MS: 10_000,
    });
  });

  it('takes 0 for 0 and not for the default', () => {
    const { settings } = configOf({ environment: { PORT: '0', SHUTDOWN_GRACE_MS: '0' } });
    expect(settings).toMatchObject({ PORT: 0, SHUTDOWN_GRACE_MS: 0 });
  });

  it.each([
    ['TRUST_PROXY', '10.0.0.1, 192.168.0.0/16 ,::1,2001:db8::/32,uniquelocal'],
    ['ALLOWED_ORIGINS', 'https://app.example.com, http://localhost:5173'],
    ['REDIS_URL', 'rediss://user:pw@redis.example.com:6380/2'],
    ['CRM_SERVICE_URL', 'https://crm.example.com/'],
    ['PM2_INSTANCES', 'max'],
    ['PORT', ' 8080 '],
  ])('takes %s=%s', (name, value) => {
    expect(() => configOf({ environment: { [name]: value } })).not.toThrow();
  });

  it('ignores variables that are not its own, even those that aim at the prototype of objects', () => {
    const environment = JSON.parse('{"__proto__":"x","constructor":"y","HOME":"/z"}') as Record<string, string>;
    const { settings } = configOf({ environment, envFile: '__proto__=x\nPORTS=1\n' });
    expect(settings).toEqual(configOf().settings);
    expect(Object.getPrototypeOf(settings)).toBe(Object.prototype);
  });
});
