import { describe, expect, it } from '@jest/globals';
import { catalog, type Reason } from '../../../src/problem/catalog.ts';

/** The contract with callers: a change here breaks somebody's client. */
const promised: Readonly<Record<number, readonly Reason[]>> = {
  400: ['invalid_request'],
  401: [
    ...(['auth_missing', 'auth_malformed', 'token_expired', 'token_not_yet_valid'] as const),
    ...(['token_signature_invalid', 'token_claims_invalid', 'token_revoked'] as const),
  ],
  403: ['scope_missing', 'tenant_suspended', 'ip_denied'],
  404: ['route_not_found'],
  405: ['method_not_allowed'],
  413: ['body_too_large'],
  429: ['rate_limited_ip', 'rate_limited_user', 'rate_limited_auth_failures'],
  431: ['header_too_large'],
  499: ['client_closed'],
  500: ['internal_error'],
  502: ['upstream_connect_failed', 'upstream_reset', 'upstream_protocol_error'],
  503: ['jwks_unavailable', 'overloaded', 'breaker_open', 'no_healthy_upstream', 'draining'],
  504: ['upstream_connect_timeout', 'upstream_response_timeout'],
};

describe('the catalogue', () => {
  it('has every promised reason with its status, and no other', () => {
    const statuses = Object.fromEntries(
      Object.entries(promised).flatMap(([status, reasons]) => reasons.map((reason) => [reason, Number(status)])),
    );
    const actual = Object.fromEntries(Object.entries(catalog).map(([reason, { status }]) => [reason, status]));
    expect(actual).toEqual(statuses);
  });

  it.each(Object.entries(catalog))('says of %s what happened, in words that give nothing away', (_reason, entry) => {
    expect(entry.title).toMatch(/^[A-Z].*[^.]$/);
    expect(entry.detail).toMatch(/^[A-Z].*\.$/);
    expect(`${entry.title} ${entry.detail}`).not.toMatch(/redis|undici|opossum|express|node|localhost|\d+\.\d+\.\d+/i);
  });

  it('blames the upstream for nothing that a client or the gateway did, as breakers count by it', () => {
    const blamed = Object.entries(catalog).filter(([, { source }]) => source === 'upstream');
    expect(blamed.map(([reason]) => reason).sort()).toEqual([
      'breaker_open',
      'no_healthy_upstream',
      'upstream_connect_failed',
      'upstream_connect_timeout',
      'upstream_protocol_error',
      'upstream_reset',
      'upstream_response_timeout',
    ]);
  });
});
