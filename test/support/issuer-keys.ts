import { constants, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';

export const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

const CURVES: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** A key pair of an issuer for one algorithm. */
export interface IssuerKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As a key set has it. */
  readonly jwk: JsonWebKey & Record<string, unknown>;
  /** A JWT with this payload; `header` adds to its header, and takes away from it by undefined. */
  token(payload: unknown, header?: Record<string, unknown>): string;
}

/** Makes a key pair for an algorithm. */
export function issuerKey(alg: string, kid = `${alg}-key`, { modulusLength = 2048 } = {}): IssuerKey {
  const { privateKey, publicKey } = pairFor(alg, modulusLength);
  return {
    alg,
    kid,
    privateKey,
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    token: (payload, header = {}) => {
      const content = `${encoded({ alg, typ: 'JWT', kid, ...header })}.${encoded(payload)}`;
      return `${content}.${signatureOf(content, { alg, privateKey }).toString('base64url')}`;
    },
  };
}

/** The signature of a text as JWS has it. @see RFC 7518 §3 */
export function signatureOf(content: string, { alg, privateKey }: { alg: string; privateKey: KeyObject }): Buffer {
  const data = Buffer.from(content);
  if (alg === 'EdDSA') return sign(null, data, privateKey);
  const hash = `sha${alg.slice(2)}`;
  if (alg.startsWith('ES')) return sign(hash, data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  if (alg.startsWith('RS')) return sign(hash, data, privateKey);
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sign(hash, data, { key: privateKey, ...pss });
}

/** One part of a token. */
export function encoded(content: unknown): string {
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)).toString('base64url');
}

function pairFor(alg: string, modulusLength: number) {
  const namedCurve = CURVES[alg];
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve });
  return alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength });
}
