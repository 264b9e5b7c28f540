import { createHash, createPublicKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { AssertionSettings } from '../config/schema.ts';
import type { Caller } from '../context.ts';

/** The public half of a signing key, as it is published. */
export interface PublishedKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'EdDSA';
}

interface Signed {
  readonly text: string;
  readonly renewAtMs: number;
}

/** Not the type of a token that lets anybody in, so nobody who checks types takes it for one. @see RFC 8725 §3.11 */
const TYPE = 'gateway-assertion+jwt';

/**
 * Returns a function that says in a signed form who is calling, to one service. Signing costs more than the rest of a
 * request, so one text serves a caller and a service for half of its life; so it is about nothing but the caller.
 * @see docs/adr/0016-whose-token-is-it.md
 */
export function signAssertion({ settings, now }: { settings: AssertionSettings; now: () => number }) {
  const { keys, issuer, ttlSeconds, audiences } = settings;
  // The settings have one at least.
  const key = keys[0] as KeyObject;
  const header = encoded({ alg: 'EdDSA', typ: TYPE, kid: publishedKey(key).kid });
  // A caller is forgotten with its token, and its assertions with it.
  const signed = new WeakMap<Caller, Map<string, Signed>>();
  return function signAssertion(caller: Caller, upstream: string): string {
    const ofCaller = signed.get(caller) ?? new Map<string, Signed>();
    const known = ofCaller.get(upstream);
    if (known !== undefined && now() < known.renewAtMs) return known.text;
    const iat = Math.floor(now() / 1000);
    const { userId: sub, tenantId, roles, scopes } = caller;
    const common = { iss: issuer, aud: audiences[upstream] ?? upstream, iat, exp: iat + ttlSeconds, jti: randomUUID() };
    const content = `${header}.${encoded({ ...common, sub, tenantId, roles, scopes })}`;
    const text = `${content}.${sign(null, Buffer.from(content), key).toString('base64url')}`;
    ofCaller.set(upstream, { text, renewAtMs: now() + ttlSeconds * 500 });
    signed.set(caller, ofCaller);
    return text;
  };
}

/** What services need to check assertions. The id is the key's own thumbprint. @see RFC 7638, RFC 8037 §2 */
export function publishedKey(key: KeyObject): PublishedKey {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const thumbprint = createHash('sha256').update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }));
  return { kty: 'OKP', crv: 'Ed25519', x, kid: thumbprint.digest('base64url'), use: 'sig', alg: 'EdDSA' };
}

function encoded(content: object): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}
