import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Profile } from './schemas.ts';

/** Seconds for which an access token is good. */
export const ACCESS_TOKEN_TTL_SECONDS = 15 * 60;

/** With what access tokens are signed, and what they say about where they are from and for. */
export interface TokenSettings {
  /** 32 bytes or more. While secrets rotate there are several; this is the first. */
  signingSecret: string;
  issuer: string;
  audience: string;
}

/** A signed HS256 JWT with the claims that the gateway turns into identity headers. */
export function signAccessToken({ id, email, roles, tenantId }: Profile, settings: TokenSettings): string {
  return jwt.sign({ email, roles, tenantId }, settings.signingSecret, {
    algorithm: 'HS256',
    subject: id,
    issuer: settings.issuer,
    audience: settings.audience,
    expiresIn: ACCESS_TOKEN_TTL_SECONDS,
    jwtid: randomUUID(),
  });
}
