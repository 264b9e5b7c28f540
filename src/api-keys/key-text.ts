import { hash, randomBytes } from 'node:crypto';

const KEY = /^psa_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

const ID_BYTES = 8;

/** 256 bits out of the system's generator. */
const SECRET_BYTES = 32;

/** The two parts of a key: the id, which may be shown, and the secret. */
export interface KeyText {
  readonly id: string;
  readonly secret: string;
}

/** Reads `psa_<id>_<secret>`; undefined for anything else. */
export function keyOf(text: string): KeyText | undefined {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Writes a key as its owner gets it, once. The prefix lets scanners of repositories find one that was published. */
export function textOfKey({ id, secret }: KeyText): string {
  return `psa_${id}_${secret}`;
}

/** What the holder of a key is called as a user, by limits, logs and services. */
export function holderOf(id: string): string {
  return `key:${id}`;
}

/** Whether a user is the holder of a key: so nobody else may be called. */
export function isHolder(userId: string): boolean {
  return userId.startsWith('key:');
}

export function newKeyId(): string {
  return randomBytes(ID_BYTES).toString('hex');
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/**
 * What is kept of a secret. A slow hash makes guessing dear where few passwords are likely; here all of 2^256 are equally
 * likely, so there is nothing to guess, and a slow one would only let strangers keep a worker busy.
 */
export function hashOfSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}
