import { type CatalogEntry, catalog, type Reason } from './catalog.ts';

/** Mostly what helps depends on the status alone, which is what statuses are for. */
const BY_STATUS: Readonly<Record<number, string>> = {
  400: 'Change the request: the same one will be refused again.',
  401: 'Send a valid token: the same credentials will be refused again.',
  403: 'Ask for the permission. A new token helps only if it says more.',
  404: 'Check the path, its letter case included.',
  405: 'Use a method of the `Allow` header.',
  413: 'Send less, or in parts.',
  429: 'Wait for the seconds of `Retry-After`, then send it again.',
  431: 'Send fewer or shorter headers.',
  499: 'Nothing: nobody is left to read it. It stands in the access log only.',
  500: 'Report the `requestId`. The request may have had its effect.',
  502: 'Try again in a while. The service may have acted already, so look before you repeat a change.',
  503: 'Nothing has happened yet. Send it again after `Retry-After`, or in a while if there is none.',
  504: 'Try again in a while. The service may have acted already, so look before you repeat a change.',
};

/** Where a reason tells more than its status. */
const BY_REASON: Readonly<Partial<Record<Reason, string>>> = {
  auth_missing: 'Log in, then send `Authorization: Bearer <JWT>`.',
  auth_malformed: 'Send exactly one `Authorization` header, with the word `Bearer`, a space and the whole token.',
  token_expired: 'Refresh the token, or log in again. If it is new, compare the clocks of the machines.',
  token_not_yet_valid: 'Wait until the token is valid. If it should be, compare the clocks of the machines.',
  token_signature_invalid:
    'Log in again. If new tokens fail too, the issuer signs with a key that the gateway was not given.',
  token_claims_invalid: 'Get a token that was issued for this API; `detail` names the claim that does not fit.',
  token_revoked: 'Log in again: tokens that were issued before the revocation stay refused.',
  tenant_suspended: 'Ask the operator of the gateway: the whole tenant is suspended, so no other token helps.',
  ip_denied: 'Come from another network, or ask the operator to allow this address.',
  rate_limited_ip: 'Wait for the seconds of `Retry-After`, or log in: requests with a valid token do not count here.',
  rate_limited_auth_failures: 'Wait for the seconds of `Retry-After`; the right password does not shorten it.',
  upstream_connect_failed: 'Try again in a while: the service was not reached, so nothing has happened yet.',
  upstream_connect_timeout: 'Try again in a while: the service was not reached, so nothing has happened yet.',
  draining: 'Send it again at once: another worker takes it.',
};

/** What the client of a refused request can do, in a sentence or two. */
export function whatHelps(reason: Reason): string {
  const { status }: CatalogEntry = catalog[reason];
  return BY_REASON[reason] ?? BY_STATUS[status] ?? 'Report the `requestId`.';
}
