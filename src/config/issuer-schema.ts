import { z } from 'zod';
import { keyUrl, seconds, subjectPrefix } from './identity-kinds.ts';

const DAY_SECONDS = 86_400;

/** Those with a public key. An algorithm with a shared secret is not among them: its key would be published. */
export const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
] as const;

const TOKEN_USES = ['access', 'id'] as const;

const text = z.string().min(1).max(2048);

const claimName = z.string().regex(/^[^\p{Cc}]{1,128}$/u, 'expected the name of a claim');

const fields = z.strictObject({
  preset: z
    .enum(['cognito'])
    .optional()
    .describe(
      '`cognito`: a user pool of Amazon Cognito. `region` and `userPoolId` then say what `issuer` and `jwksUrl` are, groups are roles, and `audience` holds the ids of the app clients.',
    ),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'expected a region such as eu-west-1')
    .optional()
    .describe('Of the user pool.'),
  userPoolId: z
    .string()
    .regex(/^[a-z0-9-]+_[A-Za-z0-9]+$/, 'expected a user pool id such as eu-west-1_AbCdEf123')
    .optional()
    .describe('Of the user pool.'),
  tokenUse: z
    .array(z.enum(TOKEN_USES))
    .min(1)
    .optional()
    .describe('Which tokens of a user pool are taken, by `token_use`. Without it: both.'),
  issuer: text.optional().describe('The `iss` of its tokens. Required without a preset.'),
  jwksUrl: keyUrl
    .optional()
    .describe(
      'Where its keys are: https, or http on this machine. Required without a preset. Redirects are not followed.',
    ),
  audience: z.array(text).min(1).describe('One of these must be in `aud`.'),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .default(['RS256'])
    .describe('What its tokens may be signed with. Nothing in a token adds to it.'),
  leewaySeconds: seconds({ min: 0, max: 30, default: 5 }).describe('How much its clock may differ from ours.'),
  refreshSeconds: seconds({ min: 10, max: DAY_SECONDS, default: 300 }).describe(
    'The keys are fetched again this often. A key that is no longer there verifies nothing from then on.',
  ),
  claims: z
    .record(claimName, claimName)
    .default({})
    .describe(
      'Which of its claims stands for one of ours, such as `roles: groups`. A claim that is replaced so does not count itself.',
    ),
  subjectPrefix,
});

/** One of `identity.issuers`. */
export const issuer = fields.transform((value, context) => {
  const isCognito = value.preset === 'cognito';
  const complain = (key: string, message: string) =>
    context.issues.push({ code: 'custom', message, path: [key], input: value });
  for (const key of ['region', 'userPoolId', 'tokenUse'] as const) {
    if (!isCognito && value[key] !== undefined) complain(key, 'belongs to `preset: cognito`');
  }
  for (const key of isCognito ? (['region', 'userPoolId'] as const) : (['issuer', 'jwksUrl'] as const)) {
    if (value[key] === undefined) complain(key, 'missing');
  }
  if (isCognito && value.issuer !== undefined) complain('issuer', 'is said by `region` and `userPoolId`');
  if (context.issues.length > 0) return z.NEVER;
  const { preset: _preset, region, userPoolId, tokenUse, ...rest } = value;
  const { issuer: name = `https://cognito-idp.${region}.amazonaws.com/${userPoolId}` } = value;
  const { jwksUrl = `${name}/.well-known/jwks.json` } = value;
  if (!isCognito) return { ...rest, issuer: name, jwksUrl, tokenUse: undefined };
  return {
    ...rest,
    issuer: name,
    jwksUrl,
    tokenUse: tokenUse ?? TOKEN_USES,
    claims: { roles: 'cognito:groups', ...value.claims },
  };
});

export type IssuerSettings = z.output<typeof issuer>;
export type Algorithm = (typeof ALGORITHMS)[number];
