import { createHmac, type JsonWebKey } from 'node:crypto';
import { encoded, type IssuerKey, issuerKey, signatureOf } from './issuer-keys.ts';

/** What a forger knows: a good token of the issuer, its public key, and keys of the forger's own. */
export interface Loot {
  readonly key: IssuerKey;
  /** The claims of a good token. */
  readonly claims: Record<string, unknown>;
}

/** Forged tokens with what is wrong with them. */
export type Forgeries = Readonly<Record<string, string>>;

const NONE = ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'none\0', 'n\u043ene', '', ' ', 'null', 'undefined'];
const ODD_ALGORITHMS = [
  null,
  true,
  0,
  256,
  [],
  {},
  ['none'],
  ['RS256'],
  'HS256,RS256',
  'rs256',
  'RS256 ',
  'SHA256',
  'A128KW',
  'dir',
  'PBES2-HS256+A128KW',
  'Ed25519',
  'ES256K',
  'constructor',
  '__proto__',
];
const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };
const KEY_IDS = [
  '../../../../dev/null',
  '/dev/null',
  "x' UNION SELECT 'known' --",
  '$(id)',
  '%00',
  '*',
  '',
  ' ',
  'x'.repeat(4000),
  'http://127.0.0.1:9/',
  '__proto__',
  'constructor',
  'toString',
  7,
  null,
  [],
  {},
  ['key'],
  { $ne: 1 },
  true,
];

const root = (claims: Record<string, unknown>) => ({ ...claims, sub: 'root', roles: ['admin'] });

/** Every kind of forgery that needs no key of the issuer. None of them is signed by it. */
export function unsignedForgeries(loot: Loot): Forgeries {
  return {
    ...withoutAlgorithm(loot),
    ...byPublicKey(loot),
    ...byOwnKey(loot),
    ...bySignature(loot),
    ...bySpelling(loot),
  };
}

function withoutAlgorithm({ key, claims }: Loot): Forgeries {
  const good = key.token(claims);
  const signature = good.split('.')[2] ?? '';
  const tokens: Record<string, string> = {};
  for (const alg of [...NONE, ...ODD_ALGORITHMS]) {
    const content = `${encoded({ alg, typ: 'JWT', kid: key.kid })}.${encoded(root(claims))}`;
    const name = JSON.stringify(alg);
    tokens[`alg ${name} without a signature`] = `${content}.`;
    tokens[`alg ${name} with a signature of one byte`] = `${content}.AA`;
    tokens[`alg ${name} with the old signature`] = `${content}.${signature}`;
  }
  tokens['no alg at all'] = `${encoded({ typ: 'JWT', kid: key.kid })}.${encoded(root(claims))}.${signature}`;
  tokens['alg twice, none last'] =
    `${encoded(`{"alg":"${key.alg}","alg":"none"}`)}.${encoded(root(claims))}.${signature}`;
  tokens['alg twice, none first'] =
    `${encoded(`{"alg":"none","alg":"${key.alg}"}`)}.${encoded(root(claims))}.${signature}`;
  return tokens;
}

/** The public key as the secret of an HMAC, in every form in which somebody might load it. */
function byPublicKey({ key, claims }: Loot): Forgeries {
  const pem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const jwk = key.publicKey.export({ format: 'jwk' });
  const secrets: Record<string, string | Buffer> = {
    PEM: pem,
    'PEM without its last line break': pem.trimEnd(),
    'PEM on one line': pem.replaceAll('\n', ''),
    DER: key.publicKey.export({ type: 'spki', format: 'der' }),
    JWK: JSON.stringify(jwk),
    'its number in base64': String(jwk.n ?? jwk.x),
    'its number': Buffer.from(String(jwk.n ?? jwk.x), 'base64url'),
    'the key id': key.kid,
    nothing: '',
  };
  const tokens: Record<string, string> = {};
  for (const [alg, hash] of Object.entries(HASHES))
    for (const [name, secret] of Object.entries(secrets))
      for (const named of [alg, key.alg]) {
        const content = `${encoded({ alg: named, typ: 'JWT', kid: key.kid })}.${encoded(root(claims))}`;
        const signature = createHmac(hash, secret).update(content).digest('base64url');
        tokens[`${named} with an HMAC-${hash} of ${name}`] = `${content}.${signature}`;
      }
  return tokens;
}

/** Rightly signed, with a key of the forger's own, which the token brings along or names. */
function byOwnKey({ key, claims }: Loot): Forgeries {
  const own = issuerKey(key.alg, key.kid);
  const jwk: JsonWebKey = own.publicKey.export({ format: 'jwk' });
  const certificate = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const embedded: Record<string, Record<string, unknown>> = {
    'nothing else': {},
    jwk: { jwk },
    'jwk with the id of the good key': { jwk: { ...jwk, kid: key.kid } },
    'jwk that is symmetric': { jwk: { kty: 'oct', k: 'AAAA' } },
    jwks: { jwks: { keys: [jwk] } },
    jku: { jku: 'http://127.0.0.1:9/jwks.json' },
    'jku of a file': { jku: 'file:///etc/passwd' },
    x5u: { x5u: 'http://127.0.0.1:9/cert.pem' },
    x5c: { x5c: [certificate] },
    x5t: { x5t: 'AAAA', 'x5t#S256': 'AAAA' },
    iss: { iss: String(claims.iss) },
    'b64 false': { b64: false },
    zip: { zip: 'DEF' },
  };
  const tokens: Record<string, string> = {};
  for (const [name, header] of Object.entries(embedded)) {
    tokens[`signed by a stranger, with the right kid and ${name}`] = own.token(root(claims), header);
    tokens[`signed by a stranger, with another kid and ${name}`] = own.token(root(claims), {
      ...header,
      kid: 'stranger',
    });
    tokens[`signed by a stranger, without a kid and with ${name}`] = own.token(root(claims), {
      ...header,
      kid: undefined,
    });
  }
  for (const kid of KEY_IDS)
    tokens[`signed by a stranger, kid ${JSON.stringify(kid).slice(0, 40)}`] = own.token(root(claims), { kid });
  for (const alg of ['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'].filter((name) => name !== key.alg)) {
    const other = issuerKey(alg, key.kid);
    tokens[`signed by a stranger with ${alg}`] = other.token(root(claims));
    tokens[`signed by a stranger with ${alg} under the name of ${key.alg}`] = other.token(root(claims), {
      alg: key.alg,
    });
    tokens[`the good signature under the name of ${alg}`] = key.token(claims, { alg });
  }
  return tokens;
}

/** The good token with something else in place of its signature, or with its signature under something else. */
function bySignature({ key, claims }: Loot): Forgeries {
  const good = key.token(claims);
  const [head = '', body = '', last = ''] = good.split('.');
  const bytes = Buffer.from(last, 'base64url');
  const withBytes = (changed: Buffer) => `${head}.${body}.${changed.toString('base64url')}`;
  const tokens: Record<string, string> = {
    'the signature stripped': `${head}.${body}.`,
    'the signature and its dot stripped': `${head}.${body}`,
    'the payload swapped': `${head}.${encoded(root(claims))}.${last}`,
    'the payload with a space more': `${head}.${encoded(`${JSON.stringify(claims)} `)}.${last}`,
    'the header swapped': `${encoded({ typ: 'JWT', alg: key.alg, kid: key.kid })}.${body}.${last}`,
    'the signature of another token': `${head}.${encoded(root(claims))}.${key.token({ x: 1 }).split('.')[2]}`,
    'the signature of the payload alone': `${head}.${encoded(root(claims))}.${signatureOf(body, key).toString('base64url')}`,
    'the signature twice': withBytes(Buffer.concat([bytes, bytes])),
    'a byte more': withBytes(Buffer.concat([bytes, Buffer.alloc(1)])),
    'a byte more in front': withBytes(Buffer.concat([Buffer.alloc(1), bytes])),
    'the signature reversed': withBytes(Buffer.from(bytes).reverse()),
    'a signature of zeros': withBytes(Buffer.alloc(bytes.length)),
    'a signature of ones': withBytes(Buffer.alloc(bytes.length, 0xff)),
    'a signature of one and one': withBytes(oneAndOne(bytes.length)),
    'a DER sequence of zeros': withBytes(Buffer.from('3006020100020100', 'hex')),
    'a DER sequence around the signature': withBytes(derOf(bytes)),
  };
  for (const length of [1, 2, bytes.length / 2, bytes.length - 2, bytes.length - 1]) {
    tokens[`only the first ${length} bytes of the signature`] = withBytes(bytes.subarray(0, length));
  }
  for (let index = 0; index < 24; index++) {
    const flipped = Buffer.from(bytes);
    const at = Math.floor((index * bytes.length) / 24);
    flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (index % 8)), at);
    tokens[`bit ${index % 8} of byte ${at} flipped`] = withBytes(flipped);
  }
  return tokens;
}

/** Other texts that some decoders read as the good token. */
function bySpelling({ key, claims }: Loot): Forgeries {
  const good = key.token(claims);
  const parts = good.split('.');
  const spellings: Record<string, (part: string) => string> = {
    'with padding': (part) => `${part}${'='.repeat((4 - (part.length % 4)) % 4 || 1)}`,
    'with a line break': (part) => `${part.slice(0, 4)}\n${part.slice(4)}`,
    'with a space': (part) => `${part.slice(0, 4)} ${part.slice(4)}`,
    'with a percent sign': (part) => `${part.slice(0, 4)}%20${part.slice(4)}`,
    'with a sign of the other alphabet': (part) => `+${part.slice(1)}`,
    'with one letter too many': (part) => `${part}${'A'.repeat(part.length % 4 === 0 ? 1 : 4)}`,
    'with other bits behind its end': withOtherEnd,
    'encoded twice': (part) => encoded(part),
    'in hexadecimal': (part) => Buffer.from(part, 'base64url').toString('hex'),
    empty: () => '',
  };
  const tokens: Record<string, string> = {
    'four parts': `${good}.${parts[2]}`,
    'five parts, as an encrypted token has': `${good}.AAAA.AAAA`,
    'a dot in front': `.${good}`,
    'a dot behind': `${good}.`,
    'only dots': '..',
    'the parts in another order': parts.toReversed().join('.'),
    'JSON in place of text': JSON.stringify({ protected: parts[0], payload: parts[1], signature: parts[2] }),
    'a quoted token': `"${good}"`,
    'two tokens': `${good},${good}`,
  };
  for (const [name, respell] of Object.entries(spellings))
    for (const [index, part] of ['header', 'payload', 'signature'].entries()) {
      const token = parts.map((text, at) => (at === index ? respell(text) : text)).join('.');
      if (token !== good) tokens[`the ${part} ${name}`] = token;
    }
  const junk = [
    'null',
    '[]',
    '7',
    '"alg"',
    '{',
    '{"alg":',
    `${'['.repeat(2000)}`,
    `${'{"a":'.repeat(800)}1${'}'.repeat(800)}`,
    '\ufeff{}',
    '\0',
  ];
  for (const text of junk) {
    tokens[`a header of ${JSON.stringify(text.slice(0, 8))}`] = `${encoded(text)}.${parts[1]}.${parts[2]}`;
    tokens[`a payload of ${JSON.stringify(text.slice(0, 8))}`] = `${parts[0]}.${encoded(text)}.${parts[2]}`;
  }
  tokens['a token of 12 KiB'] = key.token({ ...claims, note: 'x'.repeat(9000) });
  return tokens;
}

function oneAndOne(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes[Math.floor(length / 2) - 1] = 1;
  bytes[length - 1] = 1;
  return bytes;
}

function derOf(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, Math.min(bytes.length, 127)]), bytes]);
}

/** Changes the bits of the last letter that stand for nothing. */
function withOtherEnd(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  if (part.length % 4 === 0) return part;
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.at(-1) ?? '') ^ 1];
}
