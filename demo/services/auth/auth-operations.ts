import { z } from 'zod';
import { readUserId } from '../shared/caller.ts';
import { type Operation, operation } from '../shared/operation.ts';
import { Problem } from '../shared/problem.ts';
import { refreshSessions } from './refresh-sessions.ts';
import {
  forgotPasswordBody,
  loginBody,
  type Profile,
  profileSchema,
  refreshBody,
  registerBody,
  tokensSchema,
} from './schemas.ts';
import { ACCESS_TOKEN_TTL_SECONDS, signAccessToken, type TokenSettings } from './sign-access-token.ts';
import { type UserDirectory, userDirectory } from './user-directory.ts';

const WRONG_CREDENTIALS = 'The email address or the password is wrong.';
const WRONG_REFRESH_TOKEN = 'The refresh token is unknown, expired or used before; log in again.';
const EMAIL_TAKEN = 'There is an account with this email address already.';
const NO_SUCH_USER = 'There is no user with the id in X-User-Id.';

/** Accounts and tokens. */
export async function authOperations(settings: TokenSettings): Promise<Operation[]> {
  const users = await userDirectory();
  return [...accountOperations(users), ...tokenOperations(users, settings)];
}

function accountOperations(users: UserDirectory): Operation[] {
  return [
    operation({
      method: 'post',
      path: '/register',
      summary: 'Opens an account, in a tenant of its own',
      body: registerBody,
      success: { status: 201, description: 'The new user', schema: profileSchema },
      location: () => '/me',
      problems: { 409: EMAIL_TAKEN },
      // Without a mail to confirm the address by, this does tell who has an account; POST /forgot-password does not.
      handle: async ({ body }) => (await users.register(body)) ?? refuse(409, EMAIL_TAKEN),
    }),
    operation({
      method: 'post',
      path: '/forgot-password',
      summary: 'Asks for a new password (the demo sends no mail)',
      body: forgotPasswordBody,
      success: {
        status: 202,
        description: 'The same for every address',
        schema: z.object({ detail: z.string() }),
      },
      handle: () => ({ detail: 'If there is an account with this address, a mail is on its way to it.' }),
    }),
    operation({
      method: 'get',
      path: '/me',
      summary: 'Tells who is calling',
      identify: readUserId,
      success: { status: 200, description: 'The caller', schema: profileSchema },
      problems: { 404: NO_SUCH_USER },
      handle: ({ caller }) => users.byId(caller) ?? refuse(404, NO_SUCH_USER),
    }),
  ];
}

function tokenOperations(users: UserDirectory, settings: TokenSettings): Operation[] {
  const sessions = refreshSessions();
  return [
    operation({
      method: 'post',
      path: '/login',
      summary: 'Exchanges an email address and a password for tokens',
      body: loginBody,
      success: { status: 200, description: 'Tokens', schema: tokensSchema },
      problems: { 401: WRONG_CREDENTIALS },
      handle: async ({ body }) => {
        const user = (await users.authenticate(body.email, body.password)) ?? refuse(401, WRONG_CREDENTIALS);
        return tokensFor(user, sessions.open(user.id));
      },
    }),
    operation({
      method: 'post',
      path: '/refresh',
      summary: 'Exchanges a refresh token for new tokens; one that was used before ends the session',
      body: refreshBody,
      success: { status: 200, description: 'Tokens', schema: tokensSchema },
      problems: { 401: WRONG_REFRESH_TOKEN },
      handle: ({ body }) => {
        const { userId, token } = sessions.rotate(body.refreshToken) ?? refuse(401, WRONG_REFRESH_TOKEN);
        return tokensFor(users.byId(userId) ?? refuse(401, WRONG_REFRESH_TOKEN), token);
      },
    }),
  ];

  function tokensFor(user: Profile, refreshToken: string): z.infer<typeof tokensSchema> {
    const accessToken = signAccessToken(user, settings);
    return { accessToken, tokenType: 'Bearer', expiresInSeconds: ACCESS_TOKEN_TTL_SECONDS, refreshToken };
  }
}

function refuse(status: number, detail: string): never {
  throw new Problem({ status, detail });
}
