import { z } from 'zod';
import { bodyOf } from '../shared/body-of.ts';

const email = z.email().max(254).toLowerCase();
const name = z.string().trim().min(1).max(100);

/** A user as others may see it: no password hash. */
export const profileSchema = z
  .object({
    id: z.string(),
    email: z.email(),
    name: z.string(),
    roles: z.array(z.string()),
    tenantId: z.string(),
  })
  .meta({
    id: 'Profile',
    examples: [
      {
        id: 'user-ada',
        email: 'ada@brightpath.example',
        name: 'Ada Moreau',
        roles: ['admin'],
        tenantId: 'brightpath',
      },
    ],
  });

/** @see profileSchema */
export type Profile = z.infer<typeof profileSchema>;

/** The body of POST /register. */
export const registerBody = bodyOf({
  email,
  name,
  password: z.string().min(12).max(128).describe('A dozen characters or more'),
}).meta({
  id: 'Registration',
  examples: [{ email: 'eva@example.com', name: 'Eva Lang', password: 'demo-only-eva-password' }],
});

/** The body of POST /login. */
export const loginBody = bodyOf({
  email,
  // No lower bound: rules for new passwords must not tell a guesser which passwords can't be.
  password: z.string().max(128),
}).meta({
  id: 'Credentials',
  examples: [
    { email: 'ada@brightpath.example', password: 'demo-only-ada-admin' },
    { email: 'ben@brightpath.example', password: 'demo-only-ben-manager' },
    { email: 'carla@brightpath.example', password: 'demo-only-carla-client' },
    { email: 'dmitri@kestrel.example', password: 'demo-only-dmitri-admin' },
  ],
});

/** The body of POST /refresh. */
export const refreshBody = bodyOf({ refreshToken: z.string().min(1).max(200) }).meta({ id: 'Refresh' });

/** The body of POST /forgot-password. */
export const forgotPasswordBody = bodyOf({ email }).meta({
  id: 'ForgotPassword',
  examples: [{ email: 'ada@brightpath.example' }],
});

/** What a client needs to call the gateway. */
export const tokensSchema = z
  .object({
    accessToken: z.string().describe('A JWT, for Authorization: Bearer'),
    tokenType: z.literal('Bearer'),
    expiresInSeconds: z.int(),
    refreshToken: z.string().describe('Good for one POST /refresh, which answers with the next'),
  })
  .meta({
    id: 'Tokens',
    examples: [
      {
        accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.….…',
        tokenType: 'Bearer',
        expiresInSeconds: 900,
        refreshToken: '….…',
      },
    ],
  });
