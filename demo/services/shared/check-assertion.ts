import type { IncomingHttpHeaders } from 'node:http';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { readUserId } from './caller.ts';
import { Problem } from './problem.ts';

/** What the gateway has signed of the caller, with `sub`, `tenantId`, `roles` and `scopes`. */
export type Assertion = JWTPayload;

/**
 * Tells what is signed of a caller; undefined if the headers name none.
 * @throws Problem 401 if they name one without the gateway's signature
 */
export type CheckAssertion = (headers: IncomingHttpHeaders) => Promise<Assertion | undefined>;

/** Not the type of a token that lets anybody in. @see src/auth/sign-assertion.ts */
const EXPECTED = { typ: 'gateway-assertion+jwt', issuer: 'psa-api-gateway', algorithms: ['EdDSA'] };

/**
 * With the gateway's published keys, a service can tell whether it was reached around the gateway: plain headers anybody
 * can write.
 * @param service the only one that an assertion for it is good for
 */
export function checkAssertion({ keysUrl, service }: { keysUrl: URL; service: string }): CheckAssertion {
  const keys = createRemoteJWKSet(keysUrl);
  return async function checkAssertion(headers) {
    if (headers['x-user-id'] === undefined) return undefined;
    const assertion = headers['x-gateway-assertion'];
    if (typeof assertion !== 'string') throw unsigned('X-Gateway-Assertion is missing');
    const { payload } = await jwtVerify(assertion, keys, { ...EXPECTED, audience: service }).catch(refuse);
    if (readUserId(headers) !== payload.sub) throw unsigned('X-Gateway-Assertion is about somebody else');
    return payload;
  };
}

function refuse(error: unknown): never {
  if (!(error instanceof errors.JOSEError)) throw error;
  throw unsigned(`X-Gateway-Assertion does not hold (${error.code})`);
}

function unsigned(why: string): Problem {
  return new Problem({
    status: 401,
    detail: `${why}: only what the gateway has signed is believed.`,
  });
}
