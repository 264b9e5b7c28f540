import { createHmac, hkdfSync } from 'node:crypto';

const LENGTH = 16;

/**
 * Returns a function that gives a text another name, always the same one. Without the secret it can be neither reversed nor
 * guessed, and four thousand million addresses are soon tried out: hence no plain hash. A new secret makes new names.
 */
export function pseudonyms(secret: string): (text: string) => string {
  // A key of its own: nothing that is published may be made with the key that signs tokens.
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'psa-api-gateway audit pseudonyms', 32));
  return (text) => createHmac('sha256', key).update(text).digest('base64url').slice(0, LENGTH);
}

/** An id as it may be kept: under another name if it is an e-mail address, which some issuers make of it. */
export function nameless(id: string | undefined, pseudonym: (text: string) => string): string | undefined {
  return id?.includes('@') === true ? pseudonym(id) : id;
}
