import { type Claims, notForThisApi } from './check-claims.ts';
import type { VerifyIssuerToken } from './issuer-tokens.ts';
import { tokenParts } from './token-parts.ts';

interface VerifyByIssuerOptions {
  /** For tokens of those who share a secret with us; undefined if nobody does. */
  readonly shared: ((token: string) => Claims) | undefined;
  /** By `iss`. */
  readonly issuers: ReadonlyMap<unknown, VerifyIssuerToken>;
}

/**
 * Returns a function that has a token verified by whom it claims to be from. The claim chooses the judge, and the judge
 * believes nothing of it: a wrong one only leads to keys that did not sign the token.
 * @throws {Problem} (from the returned function, or its promise rejects) with the reason why a token is refused
 */
export function verifyByIssuer({
  shared,
  issuers,
}: VerifyByIssuerOptions): (token: string) => Claims | Promise<Claims> {
  if (issuers.size === 0 && shared !== undefined) return shared;
  return function verifyByIssuer(token) {
    const parts = tokenParts(token);
    const verify = issuers.get(parts.payload.iss);
    if (verify !== undefined) return verify(token, parts);
    if (shared === undefined) throw notForThisApi('iss');
    return shared(token);
  };
}
