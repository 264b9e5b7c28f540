import { isHolder } from '../api-keys/key-text.ts';
import { bearerToken } from '../auth/bearer-token.ts';
import type { Claims } from '../auth/check-claims.ts';
import { callerFromClaims } from '../auth/identity-headers.ts';
import { issuerTokens } from '../auth/issuer-tokens.ts';
import { type KeySet, openKeySet } from '../auth/key-set.ts';
import { opaqueTokens } from '../auth/opaque-tokens.ts';
import { publishedKey, signAssertion } from '../auth/sign-assertion.ts';
import { sharedSecretKeys } from '../auth/signing-keys.ts';
import { tokenCache } from '../auth/token-cache.ts';
import { unauthorized } from '../auth/unauthorized.ts';
import { verifyByIssuer } from '../auth/verify-by-issuer.ts';
import { verifyToken } from '../auth/verify-token.ts';
import type { Caller } from '../context.ts';
import type { AppOptions } from './app-options.ts';

/** Clocks of the auth service and of the gateway differ by this much at most. */
const LEEWAY_SECONDS = 5;

/** Everything that makes a caller of a token, and tells the services of callers in a signed form. */
export function tokenIdentity(options: AppOptions) {
  const { config, time } = options;
  const { identity } = config.gateway;
  const callerOfClaims = callerFromClaims(identity);
  const toCaller = (claims: Claims) => callerOfClaims(notOfKey(claims));
  const leeways = new Map<unknown, number>(
    identity.issuers.map(({ issuer, leewaySeconds }) => [issuer, leewaySeconds]),
  );
  const withEnd = (claims: Claims): Caller => {
    const endSeconds = claims.exp + (leeways.get(claims.iss) ?? LEEWAY_SECONDS);
    return { ...toCaller(claims), validUntilMs: endSeconds * 1000 };
  };
  // The key sets forget what the cache remembers, and the cache is filled by what they verify.
  const keySets = openKeySets(options, () => cache.forget());
  const cache = tokenCache({
    verify: verifyByIssuer({
      shared: sharedSecretTokens(options),
      issuers: new Map(
        keySets.map(({ settings, keySet }) => [settings.issuer, issuerTokens({ settings, keySet, now: time.now })]),
      ),
    }),
    toCaller: withEnd,
    now: time.now,
  });
  const opaque =
    identity.introspection &&
    opaqueTokens({ settings: identity.introspection, toCaller, now: time.now, logger: options.logger });
  const { assertion } = identity;
  return {
    /** Also of what is no token but says the same things. */
    callerOfClaims,
    reader: bearerToken({ callerOfToken: cache.callerOf, callerOfOpaqueToken: opaque?.callerOf }),
    assertion: assertion && signAssertion({ settings: assertion, now: time.now }),
    publishedKeys: (assertion?.keys ?? []).map(publishedKey),
    /** Settles when all keys that are fetched ahead are there, or could not be had. */
    firstKeys: Promise.all(keySets.map(({ keySet }) => keySet.firstFetch)),
    cacheCounts: cache.counts,
    keySets: () => Object.fromEntries(keySets.map(({ settings, keySet }) => [settings.issuer, keySet.report()])),
    /** Whether some tokens can not be judged, or by old keys only; undefined if nobody is asked about tokens. */
    isFailing:
      keySets.length === 0 && opaque === undefined
        ? undefined
        : () => opaque?.isFailing() === true || keySets.some(({ keySet }) => keySet.report().isFailing),
    close() {
      for (const { keySet } of keySets) keySet.close();
      opaque?.close();
    },
  };
}

/** Where people choose their own `sub`, somebody could choose to be the holder of an API key. */
function notOfKey(claims: Claims): Claims {
  if (!isHolder(claims.sub)) return claims;
  throw unauthorized('token_claims_invalid', { detail: 'Only holders of API keys have such a `sub`.' });
}

function openKeySets({ config, logger, time }: AppOptions, onKeysRemoved: () => void) {
  return config.gateway.identity.issuers.map((settings) => {
    const { issuer, jwksUrl: url, algorithms, refreshSeconds } = settings;
    const keySet: KeySet = openKeySet({
      issuer,
      url,
      algorithms,
      refreshSeconds,
      clock: time.clock,
      onKeysRemoved,
      logger,
    });
    return { settings, keySet };
  });
}

function sharedSecretTokens({ config, time }: AppOptions) {
  const { JWT_SECRET: secrets, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config.settings;
  if (secrets === undefined || issuer === undefined || audience === undefined) return undefined;
  const keys = sharedSecretKeys(secrets);
  return verifyToken({ keys, issuer, audience: [audience], leewaySeconds: LEEWAY_SECONDS, now: time.now });
}
