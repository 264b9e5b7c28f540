import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Caller, isRepeated } from '../context.ts';
import { Problem, type ProblemOptions } from '../problem/problem.ts';
import type { KeyRecord } from './key-record.ts';
import { statusOf } from './key-store.ts';
import { hashOfSecret, holderOf, keyOf } from './key-text.ts';

/** What a key says of its holder, in the words of a token's claims. */
export interface KeyClaims extends Readonly<Record<string, unknown>> {
  /** `key:<id>`: limits, logs and services tell keys from each other, and from users. */
  readonly sub: string;
  readonly owner: string;
}

interface ApiKeyOptions {
  readonly keys: { get(id: string): KeyRecord | undefined };
  /** Whether this worker has ever been told what keys there are. */
  readonly areKeysKnown: () => boolean;
  /** The identity headers of a holder, made as those of a token's claims are. */
  readonly headersOf: (claims: KeyClaims) => Caller['headers'];
  /** After each use that was allowed. */
  readonly onUse: (id: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const SCHEME = /^ApiKey +/i;

/** Compared with when there is no such key, so that the time doesn't tell. */
const NO_KEY = [{ hash: hashOfSecret('') }];

/** Redis is looked for twice a second. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Returns a function that reads `X-API-Key: psa_…` or `Authorization: ApiKey psa_…`; undefined for a request with neither.
 * @throws {Problem} (from the returned function) with the reason why a key is refused
 */
export function apiKey({ keys, areKeysKnown, headersOf, onUse, now }: ApiKeyOptions) {
  // A record is replaced as a whole when anything about it changes.
  const callers = new WeakMap<KeyRecord, Caller>();
  const callerOf = (id: string, key: KeyRecord): Caller => {
    const known = callers.get(key);
    if (known !== undefined) return known;
    const caller = callerOfKey(id, { key, headersOf });
    callers.set(key, caller);
    return caller;
  };
  return function apiKey(req: IncomingMessage): Caller | undefined {
    const text = textIn(req);
    if (text === undefined) return undefined;
    const given = keyOf(text);
    if (given === undefined) throw refused('auth_malformed', 'Expected one API key of the form `psa_<id>_<secret>`.');
    const key = keys.get(given.id);
    const isRight = hasSecret({ secrets: key?.secrets ?? NO_KEY, hash: hashOfSecret(given.secret), nowMs: now() });
    if (key === undefined || !isRight) throw areKeysKnown() ? unknown() : notKnownYet();
    // Only to whoever has the secret: strangers don't learn which keys there are, or were.
    const status = statusOf(key, now());
    if (status === 'revoked') throw refused('token_revoked', 'The API key has been revoked.');
    if (status === 'expired') throw refused('token_expired', 'The API key has expired.');
    onUse(given.id);
    return callerOf(given.id, key);
  };
}

/** What a request carries as its API key, whatever it is. */
function textIn({ headers, rawHeaders }: IncomingMessage): string | undefined {
  const { authorization = '' } = headers;
  // Repeated ones are joined by a comma, which no key has.
  const inOwnHeader = String(headers['x-api-key'] ?? '');
  if (inOwnHeader !== '') {
    // A service, or a log, could believe the other one.
    if (authorization !== '') throw refused('auth_malformed', 'More than one credential: a token or an API key.');
    return inOwnHeader;
  }
  if (!SCHEME.test(authorization)) return undefined;
  if (isRepeated(rawHeaders, 'authorization')) throw refused('auth_malformed', 'More than one Authorization header.');
  return authorization.replace(SCHEME, '').trimEnd();
}

function hasSecret({ secrets, hash, nowMs }: { secrets: KeyRecord['secrets']; hash: string; nowMs: number }): boolean {
  let isRight = false;
  for (const { hash: kept, validUntilMs = Number.POSITIVE_INFINITY } of secrets) {
    if (timingSafeEqual(Buffer.from(kept), Buffer.from(hash)) && validUntilMs > nowMs) isRight = true;
  }
  return isRight;
}

function callerOfKey(id: string, { key, headersOf }: { key: KeyRecord; headersOf: ApiKeyOptions['headersOf'] }) {
  const { tenantId, roles, scopes, owner, limits, expiresAtMs } = key;
  const userId = holderOf(id);
  return {
    userId,
    tenantId,
    roles,
    scopes,
    credential: { kind: 'api_key', keyId: id, limits },
    validUntilMs: expiresAtMs,
    headers: headersOf({ sub: userId, roles, tenantId, owner, scope: scopes.join(' ') }),
  } satisfies Caller;
}

function unknown(): Problem {
  return refused('token_signature_invalid', 'The API key is unknown or wrong.');
}

function notKnownYet(): Problem {
  return new Problem('jwks_unavailable', {
    detail: 'The API keys are not known yet.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

/** A 401 with the challenge that it must carry. @see RFC 9110 §11.6.1 */
function refused(reason: 'auth_malformed' | `token_${'expired' | 'revoked' | 'signature_invalid'}`, detail: string) {
  const error = reason === 'auth_malformed' ? 'invalid_request' : 'invalid_token';
  const options: ProblemOptions = { detail, headers: { 'WWW-Authenticate': `ApiKey error="${error}"` } };
  return new Problem(reason, options);
}
