import { z } from 'zod';
import { keyUrl, seconds, signingKey, subjectPrefix } from './identity-kinds.ts';
import { issuer } from './issuer-schema.ts';
import { milliseconds } from './upstream-schema.ts';

const text = z.string().min(1).max(2048);

const introspection = z.strictObject({
  url: keyUrl.describe('The endpoint of the authorisation server; https, or http on this machine.'),
  clientId: text.describe('As whom the gateway asks.'),
  clientSecret: text.describe('Its secret: `${NAME}` for the environment variable that holds it, and nothing else.'),
  issuer: text.optional().describe('Required `iss` of the answer. Without it: none.'),
  audience: z.array(text).min(1).optional().describe('One of these must be in `aud` of the answer. Without it: none.'),
  subjectPrefix,
  timeoutMs: milliseconds(1000, 'Longest wait for an answer.'),
  cacheSeconds: seconds({ min: 1, max: 300, default: 60 }).describe(
    'A token that was active is taken for so long without asking again, but not beyond its `exp`.',
  ),
  inactiveCacheSeconds: seconds({ min: 1, max: 300, default: 10 }).describe(
    'A token that was not active is refused for so long without asking again.',
  ),
  maxConcurrent: z
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .describe('Questions of one worker at a time. Tokens that would need more get 503.'),
});

const assertion = z.strictObject({
  keys: z
    .array(signingKey)
    .min(1)
    .max(3)
    .describe(
      'Ed25519 private keys, each `${NAME}` for the environment variable that holds it, as PEM or JWK: the first signs, all are published.',
    ),
  issuer: text.default('psa-api-gateway').describe('The `iss` of the assertions.'),
  ttlSeconds: seconds({ min: 10, max: 60, default: 60 }).describe(
    'How long an assertion is valid. One is sent for half of that time at most.',
  ),
  audiences: z
    .record(z.string(), text)
    .default({})
    .describe('The `aud` for an upstream. Without it: the name of the upstream.'),
});

/** What `identity` of `gateway.yaml` says of tokens beyond those of JWT_SECRET. */
export const identitySettings = {
  scopeClaims: z
    .array(z.string().min(1))
    .default(['scope', 'scp', 'permissions'])
    .describe('The claims that hold scopes, as a text with spaces between or as a list; all of them count.'),
  issuers: z
    .array(issuer)
    .max(20)
    .default([])
    .describe(
      'Who else issues tokens, with published keys. `iss` decides, compared as it is, whose a token is; everything else of it is then judged by the rules of that issuer alone.',
    ),
  introspection: introspection
    .optional()
    .describe('Whom to ask about tokens that are no JWT (RFC 7662). Without it they are refused.'),
  assertion: assertion
    .optional()
    .describe(
      'Tells services who is calling in a signed form too (`X-Gateway-Assertion`), and publishes the keys at `/.well-known/jwks.json`.',
    ),
};

export type IntrospectionSettings = z.output<typeof introspection>;
export type AssertionSettings = z.output<typeof assertion>;
