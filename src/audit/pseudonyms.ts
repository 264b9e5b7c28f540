import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';

const LENGTH = 16;

/**
 * Returns a function that gives a text another name, always the same one. Without the secret it can be neither reversed nor
 * guessed, and four thousand million addresses are soon tried out: hence no plain hash. A new secret makes new names; without
 * one they are new with each process, since a key that everybody knows would be none.
 */
export function pseudonyms(secret: string | undefined): (text: string) => string {
  // A key of its own: nothing that is published may be made with the key that signs tokens.
  const key = Buffer.from(hkdfSync('sha256', secret ?? randomBytes(32), '', 'psa-api-gateway audit pseudonyms', 32));
  return (text) => createHmac('sha256', key).update(text).digest('base64url').slice(0, LENGTH);
}

/** An id as it may be kept: under another name if it is an address, of mail (as some issuers have it) or of a machine. */
export function nameless(id: string | undefined, pseudonym: (text: string) => string): string | undefined {
  const isAddress = id !== undefined && (id.includes('@') || isIP(id.replace(/\/\d+$/, '')) !== 0);
  return isAddress ? pseudonym(id) : id;
}
