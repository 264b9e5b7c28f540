import { createHmac } from 'node:crypto';
import { audience, issuer, secret } from '../../test/support/gateway.ts';

const HOURS = 6;
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = encoded({ alg: 'HS256', typ: 'JWT' });

/** Makes tokens for users without end, in a few microseconds each. The same user gets the same token again. */
export function tokenMint(): (user: number) => string {
  const iat = Math.floor(Date.now() / 1000);
  const common = { roles: ['agent'], tenantId: 'tenant-1', iat, exp: iat + HOURS * 3600, iss: issuer, aud: audience };
  return (user) => {
    const sub = `user-${user}`;
    const signed = `${header}.${encoded({ sub, email: `${sub}@example.com`, ...common })}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
}
