import { apiKey } from '../api-keys/api-key.ts';
import { keyTable } from '../api-keys/key-record.ts';
import { statusOf } from '../api-keys/key-store.ts';
import { lastUse } from '../api-keys/last-use.ts';
import { type callerFromClaims, claimNames } from '../auth/identity-headers.ts';
import type { Caller } from '../context.ts';
import { revocationsOf } from '../revocation/is-revoked.ts';
import { revocationTable } from '../revocation/revocation-store.ts';
import { openSharedState } from '../shared-state/shared-state.ts';
import { tenantTable } from '../tenants/tenant-store.ts';
import type { AppOptions } from './app-options.ts';

/** What the operator decides while the gateway runs: revocations, API keys, tenants. */
export function operatorState(
  { redis, logger, time, config }: AppOptions,
  { callerOfClaims }: { callerOfClaims: ReturnType<typeof callerFromClaims> },
) {
  const state = openSharedState({ link: redis, logger, time });
  const usage = lastUse({ link: redis, now: time.now });
  const isRevoked = revocationsOf(state.mirror(revocationTable));
  const tenants = state.mirror(tenantTable);
  const keys = state.mirror(keyTable);
  const names = claimNames(config.gateway.identity.headers);
  return {
    state,
    /** Why a caller that was let in would now be refused; undefined if it would not. */
    whyRefused(caller: Caller): 'suspended' | 'revoked' | 'expired' | undefined {
      const { tenantId, credential } = caller;
      if (tenantId !== undefined && tenants.get(tenantId)?.status === 'suspended') return 'suspended';
      if (credential.kind === 'token') return isRevoked(caller) ? 'revoked' : undefined;
      const key = keys.get(credential.keyId);
      const status = key === undefined ? 'revoked' : statusOf(key, time.now());
      return status === 'active' ? undefined : status;
    },
    revocations: {
      isRevoked,
      isKnown: state.isKnown,
      onUnknown: config.gateway.revocation.onUnknown,
    },
    tenants,
    apiKey: apiKey({
      keys,
      areKeysKnown: state.isKnown,
      headersOf: ({ tenantId, roles, ...claims }) =>
        callerOfClaims({ ...claims, [names.tenantId]: tenantId, [names.roles]: roles, exp: Number.POSITIVE_INFINITY })
          .headers,
      onUse: usage.used,
      now: time.now,
    }),
    async close() {
      state.close();
      await usage.flush();
    },
  };
}
