import { createSecretKey, type KeyObject } from 'node:crypto';

/** A key and the only algorithms it may verify. The pairing is ours: a token never chooses. @see RFC 8725 §3.1 */
export interface SigningKey {
  readonly key: KeyObject;
  readonly algorithms: ['HS256'];
}

/** The keys of JWT_SECRET. All of them verify; the first is the one that the auth service signs with. */
export function sharedSecretKeys(secrets: readonly string[]): SigningKey[] {
  return secrets.map((secret) => ({ key: createSecretKey(secret, 'utf8'), algorithms: ['HS256'] }));
}
