import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const SALT_BYTES = 16;
const KEY_BYTES = 32;

const derive = promisify<string, Buffer, number, Buffer>(scrypt);

/** A salted scrypt key; what is kept instead of a password. */
export interface PasswordHash {
  salt: Buffer;
  key: Buffer;
}

/** Hashes a password with a salt of its own. */
export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  return { salt, key: await derive(password, salt, KEY_BYTES) };
}

/** Tells whether the password is the one that was hashed, in a time that does not depend on how nearly. */
export async function isPassword(password: string, { salt, key }: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, salt, KEY_BYTES), key);
}
