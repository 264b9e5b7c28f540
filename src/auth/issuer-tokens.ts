import type { Algorithm, IssuerSettings } from '../config/schema.ts';
import { type Claims, checkClaims, notForThisApi } from './check-claims.ts';
import type { KeySet, WantedKey } from './key-set.ts';
import type { PublicKey } from './public-keys.ts';
import { checkHeader, type TokenParts } from './token-parts.ts';
import { unauthorized } from './unauthorized.ts';

/** Verifies a JWT that claims to be of one issuer. */
export type VerifyIssuerToken = (token: string, parts: TokenParts) => Promise<Claims>;

interface IssuerTokensOptions {
  readonly settings: IssuerSettings;
  readonly keySet: Pick<KeySet, 'find' | 'lookAgain'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Returns a function that verifies the tokens of one issuer: by its keys, its algorithms and its audience alone.
 * @throws {Problem} (the returned promise rejects) with the reason why a token is refused
 */
export function issuerTokens({ settings, keySet, now }: IssuerTokensOptions): VerifyIssuerToken {
  const { issuer, audience, leewaySeconds } = settings;
  return async function verifyIssuerToken(token, { header, payload }) {
    checkHeader(header);
    if (!(await isSigned(token, wantedKey(header, settings.algorithms), keySet))) throw wrongSignature();
    const rules = { issuer, audience, leewaySeconds, nowSeconds: Math.floor(now() / 1000) };
    return ownTerms(checkClaims(withAudience(payload, settings), rules), settings);
  };
}

/** @throws {Problem} if the token was not signed in a way that is allowed */
function wantedKey({ alg, kid }: TokenParts['header'], allowed: readonly Algorithm[]): WantedKey {
  const algorithm = allowed.find((name) => name === alg);
  if (algorithm === undefined || (kid !== undefined && typeof kid !== 'string')) throw wrongSignature();
  return { algorithm, kid };
}

async function isSigned(token: string, wanted: WantedKey, keySet: IssuerTokensOptions['keySet']): Promise<boolean> {
  const found = keySet.find(wanted);
  if (await isSignedByOneOf(found, token)) return true;
  // Who has the key that the token names, and finds another signature, would learn nothing new.
  if (wanted.kid !== undefined && found.length > 0) return false;
  await keySet.lookAgain();
  return isSignedByOneOf(keySet.find(wanted), token);
}

async function isSignedByOneOf(keys: readonly PublicKey[], token: string): Promise<boolean> {
  for (const key of keys) if (await key.verifies(token)) return true;
  return false;
}

/**
 * An access token of Cognito has no `aud`, and says in `client_id` for whom it is.
 * @see https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
 */
function withAudience(payload: TokenParts['payload'], { tokenUse }: IssuerSettings): TokenParts['payload'] {
  if (tokenUse === undefined) return payload;
  const use = tokenUse.find((name) => name === payload.token_use);
  if (use === undefined) throw notForThisApi('token_use');
  return use === 'access' ? { ...payload, aud: payload.client_id } : payload;
}

/** The claims under the names that we use, and the subject as nobody else's. */
function ownTerms(claims: Claims, { claims: names, subjectPrefix = '' }: IssuerSettings): Claims {
  const renamed = Object.entries(names).map(([ours, theirs]) => [
    ours,
    Object.hasOwn(claims, theirs) ? claims[theirs] : undefined,
  ]);
  return { ...claims, ...Object.fromEntries(renamed), sub: subjectPrefix + claims.sub, exp: claims.exp };
}

function wrongSignature() {
  return unauthorized('token_signature_invalid');
}
