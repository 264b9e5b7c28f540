import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tokenCache } from '../../../src/auth/token-cache.ts';
import { unauthorized } from '../../../src/auth/unauthorized.ts';
import type { Caller } from '../../../src/context.ts';

const HOUR_SECONDS = 3600;

const nobody: Caller = {
  userId: '',
  tenantId: undefined,
  roles: [],
  scopes: [],
  credential: { kind: 'token', jti: undefined, issuedAtSeconds: undefined },
  headers: [],
};

/** A cache in front of a verifier that takes every token which is a subject, and counts how often it is asked. */
function caching({ expSeconds = HOUR_SECONDS } = {}) {
  const time = { ms: 0 };
  const verified: string[] = [];
  const { callerOf, forget, counts } = tokenCache({
    verify: (token) => {
      verified.push(token);
      if (time.ms >= expSeconds * 1000) throw unauthorized('token_expired');
      if (token === 'forged') throw unauthorized('token_signature_invalid');
      return { sub: token, exp: expSeconds };
    },
    toCaller: ({ sub }) => ({
      ...nobody,
      userId: sub,
    }),
    now: () => time.ms,
  });
  const callerOfToken = (token: string): Caller => {
    const caller = callerOf(token);
    if (caller instanceof Promise) throw new TypeError('a verifier that answers at once gives a caller at once');
    return caller;
  };
  return { time, verified, callerOfToken, forget, counts };
}

describe('tokenCache', () => {
  it('verifies a token once, and answers for each token with its own caller', () => {
    const { verified, callerOfToken } = caching();
    expect(['a', 'b', 'a', 'b'].map((token) => callerOfToken(token).userId)).toEqual(['a', 'b', 'a', 'b']);
    expect(verified).toEqual(['a', 'b']);
  });

  it('refuses a token as soon as its exp has passed, although it was cached', () => {
    const { time, callerOfToken } = caching({ expSeconds: 60 });
    callerOfToken('a');
    time.ms = 59_999;
    expect(callerOfToken('a').userId).toBe('a');
    time.ms = 60_000;
    expect(() => callerOfToken('a')).toThrow('The token has expired');
  });

  it('verifies again after five minutes', () => {
    const { time, verified, callerOfToken } = caching();
    callerOfToken('a');
    time.ms = 299_999;
    callerOfToken('a');
    expect(verified).toEqual(['a']);
    time.ms = 300_000;
    callerOfToken('a');
    expect(verified).toEqual(['a', 'a']);
  });

  it('never remembers a refusal', () => {
    const { verified, callerOfToken } = caching();
    for (let attempt = 0; attempt < 3; attempt++) expect(() => callerOfToken('forged')).toThrow('accepted key');
    expect(verified).toEqual(['forged', 'forged', 'forged']);
  });

  it('verifies again what it has verified with a key that is trusted no longer', () => {
    const { verified, callerOfToken, forget } = caching();
    callerOfToken('a');
    forget();
    callerOfToken('a');
    callerOfToken('a');
    expect(verified).toEqual(['a', 'a']);
  });

  it('does not keep what was being verified when a key was withdrawn', async () => {
    const begun: PromiseWithResolvers<{ sub: string; exp: number }>[] = [];
    const { callerOf, forget } = tokenCache({
      verify: () => {
        const verifying = Promise.withResolvers<{ sub: string; exp: number }>();
        begun.push(verifying);
        return verifying.promise;
      },
      toCaller: ({ sub }) => ({ ...nobody, userId: sub }),
      now: () => 0,
    });
    const first = callerOf('a');
    forget();
    begun[0]?.resolve({ sub: 'a', exp: HOUR_SECONDS });
    expect((await first).userId).toBe('a');
    const second = callerOf('a');
    expect(begun).toHaveLength(2);
    begun[1]?.resolve({ sub: 'a', exp: HOUR_SECONDS });
    await second;
    // Known now, and so there at once.
    expect(callerOf('a')).toMatchObject({ userId: 'a' });
  });

  it('counts what it knew and what had to be verified', () => {
    const { callerOfToken, counts } = caching();
    for (const token of ['a', 'b', 'a', 'a']) callerOfToken(token);
    expect(() => callerOfToken('forged')).toThrow('accepted key');
    expect(counts()).toEqual({ hit: 2, miss: 3 });
  });

  it('forgets the least recently used of more than 10,000 tokens', () => {
    const { verified, callerOfToken } = caching();
    callerOfToken('forgotten');
    callerOfToken('kept');
    for (let index = 0; index < 9998; index++) callerOfToken(`other-${index}`);
    callerOfToken('kept');
    callerOfToken('one too many');
    verified.length = 0;
    callerOfToken('kept');
    expect(verified).toEqual([]);
    callerOfToken('forgotten');
    expect(verified).toEqual(['forgotten']);
  });

  it('keeps callers in memory, and no token that a memory dump could give away', () => {
    const script = resolve(import.meta.dirname, '../../support/count-tokens-in-memory.ts');
    const { tokens, callers } = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' }));
    expect(callers).toBe(100);
    // The last one may still lie on the stack.
    expect(tokens).toBeLessThanOrEqual(1);
  });
});
