import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { audience, issuer, secret } from './gateway.ts';

/** The claims of a token that the gateway accepts. */
export function rightClaims(): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return { iss: issuer, aud: audience, sub: 'user-1', iat: now, exp: now + 600 };
}

interface Forgery {
  readonly header?: unknown;
  readonly payload?: unknown;
  /** What the HMAC is made with; a private RSA key signs instead. */
  readonly key?: string | KeyObject;
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
}

/** A token of three parts made by hand, for what no library would sign. Without options it is a good one. */
export function forge({
  header = { alg: 'HS256', typ: 'JWT' },
  payload = rightClaims(),
  key = secret,
  hash = 'sha256',
}: Forgery = {}): string {
  const signed = `${part(header)}.${part(payload)}`;
  const signature =
    typeof key === 'string'
      ? createHmac(hash, key).update(signed).digest('base64url')
      : sign(hash, Buffer.from(signed), key).toString('base64url');
  return `${signed}.${signature}`;
}

/** A good token but for some claims; undefined leaves a claim out. */
export const claiming = (claims: Record<string, unknown>) => forge({ payload: { ...rightClaims(), ...claims } });

/** A key pair of an attacker. */
export const strangersKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** The public key as everybody can download it. */
export const publicPem = strangersKeys.publicKey.export({ type: 'spki', format: 'pem' }).toString();

/** Changes the unused low bits of the last character, so that other text decodes to the same bytes. */
export function withOtherPadding(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const index = alphabet.indexOf(text.at(-1) ?? '');
  return text.slice(0, -1) + alphabet[index ^ 1];
}

function part(content: unknown): string {
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)).toString('base64url');
}
