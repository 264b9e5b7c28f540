import { z } from 'zod';

/** Revoked tokens. */
export const revocation = z
  .strictObject({
    longestTokenLifeSeconds: z
      .int()
      .min(60)
      .max(366 * 86_400)
      .default(30 * 86_400)
      .describe(
        'No token is valid for longer than this after its `iat`, in seconds. The revocation of a user or a tenant is kept so long; a shorter time would let revoked tokens back in.',
      ),
    onUnknown: z
      .enum(['allow', 'deny'])
      .default('allow')
      .describe(
        'What a worker does with tokens that it has started without a Redis to ask about: pass them, or answer 503 `jwks_unavailable`. Later on, a worker that loses Redis goes on with what it knows.',
      ),
  })
  .prefault({});
