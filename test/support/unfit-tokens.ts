import type { Forgeries, Loot } from './forged-tokens.ts';

/** Rightly signed by the issuer, and yet not acceptable. */
export function unfitTokens({ key, claims }: Loot): Forgeries {
  const now = Math.floor(Date.now() / 1000);
  const wrong: Record<string, readonly unknown[]> = {
    exp: [undefined, null, String(now + 600), '', true, [now + 600], {}, 0, -1, now - 60],
    nbf: [null, 'yesterday', true, [now], {}, now + 600, now * 1000],
    iat: [null, 'yesterday', false, [now], {}, now + 600, now * 1000],
    iss: [
      undefined,
      null,
      '',
      `${String(claims.iss)}/`,
      String(claims.iss).toUpperCase(),
      [claims.iss],
      { iss: claims.iss },
      'https://evil.example',
    ],
    aud: [
      undefined,
      null,
      '',
      'psa',
      'psa-api ',
      'PSA-API',
      [],
      ['psa'],
      { 'psa-api': true },
      [['psa-api']],
      'psa-api psa-web',
    ],
    sub: [
      undefined,
      null,
      '',
      7,
      true,
      [],
      ['root'],
      {},
      { $ne: null },
      'x'.repeat(256),
      'a\r\nX-User-Id: root',
      'root\0',
      'root\u0085',
    ],
    roles: ['admin', 7, true, {}, [7], [null], [['admin']], { includes: 'admin' }],
    scope: [7, true, {}, [7], { split: 1 }],
  };
  const tokens: Record<string, string> = {};
  for (const [name, values] of Object.entries(wrong))
    for (const value of values)
      tokens[`${name} ${String(JSON.stringify(value)).slice(0, 40)}`] = key.token({ ...claims, [name]: value });
  for (const typ of [
    'logout+jwt',
    'secevent+jwt',
    'dpop+jwt',
    'gateway-assertion+jwt',
    'JOSE',
    '',
    7,
    null,
    ['JWT'],
    {},
  ]) {
    tokens[`typ ${JSON.stringify(typ)}`] = key.token(claims, { typ });
  }
  for (const crit of [['exp'], ['b64'], [], 'exp', null, {}, true]) {
    tokens[`crit ${JSON.stringify(crit)}`] = key.token(claims, { crit, b64: true, exp: 1 });
  }
  const json = JSON.stringify(claims);
  const doubled = (name: string, value: string) => key.token(`${json.slice(0, -1)},"${name}":${value}}`);
  tokens['iss twice, another last'] = doubled('iss', '"https://evil.example"');
  tokens['aud twice, another last'] = doubled('aud', '"psa-web"');
  tokens['sub twice, an object last'] = doubled('sub', '{}');
  tokens['exp twice, the past last'] = doubled('exp', '1');
  tokens['exp beyond all numbers'] = doubled('exp', '1e999');
  tokens['claims that it only claims to inherit'] = key.token(`{"__proto__":${json}}`);
  return tokens;
}
